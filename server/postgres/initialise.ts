/** Making a cluster, so that the folder is either not there or whole. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  lchownSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { conflict, unavailable } from '#core/errors'
import type { Secret } from '#core/secret'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { attempt, endClusterProcesses } from './processes.ts'
import { runProgram } from './run-program.ts'
import { SCRAM_ITERATIONS } from './settings.ts'

export type NewCluster = {
  dataDir: string
  account: Account
  binaries: Binaries
  superuser: string
  password: Secret
  durable: boolean
}

/**
 * Makes the cluster when there is none yet, and makes it the account's when there is.
 * @returns whether it was made
 * @throws `conflict` data_dir_not_empty, data_dir_other_version; `unavailable` initdb_failed
 */
export async function ensureCluster(cluster: NewCluster): Promise<boolean> {
  const { dataDir, binaries, account } = cluster
  await removeLeftovers(dataDir)
  if (statSync(dataDir, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw conflict('data_dir_not_empty', `Cannot start PostgreSQL: "${dataDir}" is a file`, {
      hint: 'Move it away, or choose another folder with --data-dir.',
    })
  }
  const entries = attempt(() => readdirSync(dataDir)) ?? []
  if (entries.length === 0) {
    await makeCluster(cluster)
    return true
  }
  checkVersion(dataDir, binaries.version)
  giveTo(dataDir, account)
  return false
}

function checkVersion(dataDir: string, version: string): void {
  const found = attempt(() => readFileSync(join(dataDir, 'PG_VERSION'), 'utf8').trim())
  if (found === undefined) {
    throw conflict(
      'data_dir_not_empty',
      `Cannot start PostgreSQL: "${dataDir}" holds files but no database cluster`,
      {
        hint: 'Choose another folder with --data-dir, or empty that one.',
      },
    )
  }
  const major = version.split('.')[0]
  if (found === major) return
  throw conflict(
    'data_dir_other_version',
    `Cannot start PostgreSQL ${version}: "${dataDir}" was made by PostgreSQL ${found}`,
    { hint: `Start a Stead that brings PostgreSQL ${found}, or move the data with pg_upgrade.` },
  )
}

/** The server insists that the folder is its user's alone. */
function giveTo(dataDir: string, account: Account): void {
  const { uid, mode } = statSync(dataDir)
  if (account && uid !== account.uid) chownTree(dataDir, account)
  if (mode & 0o027) chmodSync(dataDir, 0o700)
}

/** Never follows a link: what it points to is not part of the cluster. */
function chownTree(path: string, account: NonNullable<Account>): void {
  lchownSync(path, account.uid, account.gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) chownTree(child, account)
    else lchownSync(child, account.uid, account.gid)
  }
}

/** The folder beside `dataDir` in which a new cluster comes to be, before the random end. */
const draftPrefix = (dataDir: string) => `${dataDir}.new-`

/** An initdb that was killed leaves its draft, and perhaps children that still write to it. */
async function removeLeftovers(dataDir: string): Promise<void> {
  const parent = dirname(dataDir)
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(basename(draftPrefix(dataDir)))) continue
    await endClusterProcesses(join(parent, name, 'cluster'))
    rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 5 })
  }
}

async function makeCluster(cluster: NewCluster): Promise<void> {
  const { dataDir, account, password, durable } = cluster
  const draft = mkdtempSync(draftPrefix(dataDir)) // mode 0700
  const made = join(draft, 'cluster')
  const passwordFile = join(draft, 'password')
  try {
    writeFileSync(passwordFile, `${password.reveal()}\n`, { mode: 0o600 })
    if (account) for (const path of [passwordFile, draft]) chownSync(path, account.uid, account.gid)
    await runInitdb(cluster, ['-D', made, `--pwfile=${passwordFile}`])
    if (process.platform === 'win32') rmSync(dataDir, { recursive: true, force: true })
    renameSync(made, dataDir) // replaces an empty folder too
    if (durable) flushFolder(dirname(dataDir))
  } catch (cause) {
    throw unavailable('initdb_failed', `Cannot make a database cluster in "${dataDir}"`, {
      hint: 'Check that the disk has room and that the folder is not a mount point: use one inside it.',
      cause,
    })
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function runInitdb(
  { binaries, account, superuser, durable }: NewCluster,
  places: string[],
): Promise<void> {
  const choices = [
    `--username=${superuser}`,
    '--auth-local=scram-sha-256',
    '--auth-host=scram-sha-256',
    '--data-checksums',
    // Unicode letters, the same order on every system, and no dependence on its locales.
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--text-search-config=english',
    `--set=scram_iterations=${SCRAM_ITERATIONS}`,
    ...(durable ? [] : ['--no-sync']),
  ]
  await runProgram(binaries.initdb, [...places, ...choices], account)
}

/** A rename lasts through a power cut only when its folder has been written. */
function flushFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  fsyncSync(folder)
  closeSync(folder)
}
