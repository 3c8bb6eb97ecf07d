/** The folder that holds everything an instance keeps. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { invalid } from '#core/errors'
import { canReach } from '#postgres'

/** Folders of instances whose own place is closed to the database's user. */
const SHARED = '/var/lib/stead'

/**
 * The real path of the data folder, made when it is not there.
 * When root starts Stead in a folder that only root may enter, PostgreSQL, which never runs as root,
 * could not reach its data: the folder is then made in a shared place and linked to.
 * @param chosen true when the operator named the folder: it is then used as it is, or refused
 * @throws `invalid` bad_data_dir, or what the system says, which `explain` turns into a sentence
 */
export function openDataDir(path: string, chosen: boolean): string {
  if (hasControlCharacters(path)) throw unnameable(path)
  const wanted = resolve(path)
  const isRoot = process.getuid?.() === 0
  if (isRoot && !chosen && !isThere(wanted) && !canReach(join(wanted, 'postgres')))
    linkElsewhere(wanted)
  makeFolder(wanted)
  return realpathSync(wanted)
}

/** Neither logs nor the programs of PostgreSQL could name it. */
const hasControlCharacters = (path: string): boolean => /\p{Cc}/u.test(path)

/** With those above it. Node's own recursive way never comes back where nothing can be made, such as in /proc. */
function makeFolder(folder: string): void {
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o755 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (leadsNowhere(folder)) throw dangling(folder)
    if (!statSync(folder).isDirectory()) throw error
  }
}

/** Also a link that leads nowhere. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

const leadsNowhere = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false }) === undefined

const dangling = (link: string) =>
  invalid(
    'bad_data_dir',
    `Cannot start: ${link} is a link to ${readlinkSync(link)}, which is not there`,
    { hint: 'Make that folder, or choose another with --data-dir' },
  )

const unnameable = (path: string) =>
  invalid(
    'bad_data_dir',
    `Cannot start: the name ${JSON.stringify(path)} has a control character`,
    {
      hint: 'Type another folder after --data-dir',
    },
  )

function linkElsewhere(wanted: string): void {
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 12)
  const target = join(SHARED, name)
  mkdirSync(target, { recursive: true, mode: 0o755 })
  symlinkSync(target, wanted)
}
