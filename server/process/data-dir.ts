/** The folder that holds everything an instance keeps. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { canReach } from '#postgres'

/** Folders of instances whose own place is closed to the database's user. */
const SHARED = '/var/lib/stead'

/**
 * The real path of the data folder, made when it is not there.
 * When root starts Stead in a folder that only root may enter, PostgreSQL, which never runs as root,
 * could not reach its data: the folder is then made in a shared place and linked to.
 * @param chosen true when the operator named the folder: it is then used as it is, or refused
 */
export function openDataDir(path: string, chosen: boolean): string {
  const wanted = resolve(path)
  if (!chosen && !existsSync(wanted) && !canReach(join(wanted, 'postgres'))) linkElsewhere(wanted)
  mkdirSync(wanted, { recursive: true, mode: 0o755 })
  return realpathSync(wanted)
}

function linkElsewhere(wanted: string): void {
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 12)
  const target = join(SHARED, name)
  mkdirSync(target, { recursive: true, mode: 0o755 })
  symlinkSync(target, wanted)
}
