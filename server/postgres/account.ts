/** Under whose name PostgreSQL runs, and which folders that user can reach. */
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { unavailable } from '#core/errors'

/** The unprivileged user of the server; undefined when we are unprivileged ourselves. */
export type Account = { name: string; uid: number; gid: number } | undefined

/** In this order: the name made for it, then the one that every system has. */
const CANDIDATES = ['postgres', 'nobody']

/**
 * PostgreSQL refuses to run as root, so root starts it as somebody else.
 * @throws `unavailable` no_unprivileged_user
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return undefined
  const users = parsePasswd(readFileSync('/etc/passwd', 'utf8'))
  for (const name of CANDIDATES) {
    const user = users.find((one) => one.name === name)
    if (user) return user
  }
  throw unavailable(
    'no_unprivileged_user',
    'Cannot start PostgreSQL as root: this system has neither a user "postgres" nor "nobody"',
    { hint: 'Add a system user named "postgres", or start Stead as an ordinary user.' },
  )
}

/** Users of a passwd file except root; lines that cannot be read are left out. */
export function parsePasswd(text: string): NonNullable<Account>[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(
      ({ name, uid, gid }) => name && Number.isInteger(uid) && uid !== 0 && Number.isInteger(gid),
    )
}

/** Whether the server could keep a cluster in `path`, which need not exist yet. */
export const canReach = (path: string): boolean =>
  obstacle(truePath(path), serverAccount()) === undefined

/** The folder that keeps the server, or us, from having a cluster in `path`, if any does. */
export function obstacle(path: string, account: Account): string | undefined {
  if (account) return closedFolder(dirname(path), account)
  // The lock and the draft of a new cluster lie beside it.
  return [nearestExisting(dirname(path)), nearestExisting(path)].find(
    (folder) => !isWritable(folder),
  )
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `path` without links in the part of it that exists, so that two spellings agree. */
export function truePath(path: string): string {
  const whole = resolve(path)
  const existing = nearestExisting(whole)
  return join(realpathSync(existing), relative(existing, whole))
}

/** The first of `candidates` in which the server could keep a cluster. */
export const firstReachable = (candidates: string[]): string | undefined =>
  candidates.find((path) => canReach(path))

/** The outermost folder on the way to `path` that `account` may not enter, if any. */
export function closedFolder(path: string, account: Account): string | undefined {
  if (!account) return undefined
  const way: string[] = []
  for (let at = realpathSync(nearestExisting(path)); ; at = dirname(at)) {
    way.unshift(at)
    if (at === dirname(at)) break
  }
  return way.find((folder) => !permits(folder, account, constants.X_OK))
}

/**
 * Whether the mode bits of `path` give `account` what `bits` (R_OK, W_OK, X_OK) asks for.
 * `access(2)` would answer for root, who is asking, and not for the account.
 */
export function permits(path: string, account: NonNullable<Account>, bits: number): boolean {
  const { mode, uid, gid } = statSync(path)
  const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}
