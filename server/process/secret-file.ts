/** The instance secret: made by the first start, kept in a file that only its owner may read. */
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '#core/errors'
import { randomToken } from '#core/ids'
import { Secret } from '#core/secret'

const FILE = 'instance-secret'

export type KeyedSecret = { id: string; secret: Secret }

type Given = { secret: Secret | undefined; previousSecrets: readonly Secret[] | undefined }

/** The current secret first, then those that only decrypt. */
export function instanceSecrets(
  dataDir: string,
  { secret, previousSecrets = [] }: Given,
): KeyedSecret[] {
  return [secret ?? fileSecret(dataDir), ...previousSecrets].map((one) => ({
    id: keyId(one),
    secret: one,
  }))
}

/** Names a key without telling it. */
const keyId = (secret: Secret): string =>
  `k${createHash('sha256').update(`key id ${secret.reveal()}`).digest('hex').slice(0, 8)}`

function fileSecret(dataDir: string): Secret {
  const path = join(dataDir, FILE)
  return read(path) ?? make(path)
}

function read(path: string): Secret | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    if ((statSync(path).mode & 0o077) !== 0 && process.platform !== 'win32') throw exposed(path)
    if (text.length < 32) throw damaged(path)
    return new Secret(text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written aside and linked into place: of two first starts one wins, and no half file is ever read. */
function make(path: string): Secret {
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${randomToken(48)}\n`, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  const made = read(path)
  if (!made) throw damaged(path)
  return made
}

const exposed = (path: string) =>
  new AppError({
    kind: 'forbidden',
    code: 'secret_exposed',
    message: `Cannot start: others may read ${path}, which holds the instance secret. Run: chmod 600 ${path}`,
  })

const damaged = (path: string) =>
  new AppError({
    kind: 'invalid',
    code: 'secret_damaged',
    message: `Cannot start: ${path} does not hold an instance secret. Restore it from a backup: without it nothing that was encrypted can be read`,
  })
