/** Why a start failed: a sentence for what the operator can mend, a stack for what nobody foresaw. */
import { AppError } from '#core/errors'
import { fromConnection } from '#db/sqlstate'

const ELSEWHERE = 'choose another folder with --data-dir'

const UNWRITABLE = `Give yourself the right to write there, or ${ELSEWHERE}`

/** What the system says of a folder or file that it will not give us, and what to do then. */
const FILES: Record<string, readonly [problem: string, advice: string]> = {
  ENOSPC: ['has no room left on its disk', `Make room, or ${ELSEWHERE}`],
  EDQUOT: ['has no room left in your quota', `Make room, or ${ELSEWHERE}`],
  EACCES: ['may not be used by this user', UNWRITABLE],
  EPERM: ['may not be used by this user', UNWRITABLE],
  EROFS: ['is on a disk that can only be read', `Make it writable, or ${ELSEWHERE}`],
  ENOTDIR: [
    'leads through a file where a folder should be',
    `Type another folder after --data-dir`,
  ],
  EISDIR: ['is a folder where a file should be', `Move it away, or ${ELSEWHERE}`],
  EEXIST: ['is a file where a folder should be', `Type another folder after --data-dir`],
  ENOENT: ['cannot be made there', `Type another folder after --data-dir`],
  ENAMETOOLONG: ['is too long a name', 'Type a shorter one after --data-dir'],
  ELOOP: ['is a link that leads back to itself', `Remove it, or ${ELSEWHERE}`],
  EMFILE: ['cannot be opened: too many files are open', 'Raise the limit with: ulimit -n 65536'],
  ENFILE: ['cannot be opened: too many files are open', 'Stop what else runs on this machine'],
}

/** The lines for standard error when a start ends with `error`. */
export function explain(error: unknown): string {
  const ofFile = aboutFile(error as NodeJS.ErrnoException)
  if (ofFile !== undefined) return ofFile
  const known = fromConnection(error)
  return known instanceof AppError ? told(known) : stackOf(error)
}

/** What callers may hear of as well, and only the operator can mend. */
const ADVICE: Record<string, string> = {
  region_unknown:
    'The default app is in that region: name it in STEAD_REGIONS, with its address where it has one',
}

function told({ message, code, hint = ADVICE[code] }: AppError): string {
  const text = message.startsWith('Cannot ') ? message : `Cannot start: ${message}`
  return hint ? `${text}. ${hint}` : text
}

function aboutFile({ code, path, syscall }: NodeJS.ErrnoException): string | undefined {
  const [problem, advice] = FILES[code ?? ''] ?? []
  if (problem === undefined || syscall === 'connect') return undefined
  return `Cannot start: ${path ?? 'the data folder'} ${problem} (${code}). ${advice}`
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
