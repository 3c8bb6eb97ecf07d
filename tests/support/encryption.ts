/** Encryption for a cluster of a test: a certificate that nobody has signed but itself. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import pino from 'pino'
import { expect, vi } from 'vitest'
import { Secret } from '#core/secret'
import { type EmbeddedPostgres, startPostgres } from '#postgres'

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** For the name of a test that needs it. */
export const UNLESS_OPENSSL = hasOpenssl ? '' : ' (skipped: this machine has no openssl)'

export type Certificate = { keyFile: string; certificateFile: string }

/** Of one host, in a folder, as the files that PostgreSQL looks for there; they are its owner's. */
export function makeCertificate(folder: string, host: string): Certificate {
  const [keyFile, certificateFile] = [join(folder, 'server.key'), join(folder, 'server.crt')]
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-days', '2']
  const files = ['-keyout', keyFile, '-out', certificateFile]
  execFileSync('openssl', ['req', '-new', '-x509', '-nodes', ...files, ...names], {
    stdio: 'ignore',
  })
  const { uid, gid } = statSync(folder)
  for (const file of [keyFile, certificateFile]) {
    chmodSync(file, 0o600)
    chownSync(file, uid, gid)
  }
  return { keyFile, certificateFile }
}

export type EncryptedCluster = {
  postgres: EmbeddedPostgres
  own: Certificate
  /** Of the same name, which no client of the cluster trusts. */
  foreign: Certificate
  stop(): Promise<void>
}

/** A PostgreSQL that takes encrypted connections and others, with a certificate of `host`. */
export async function startEncryptedCluster(host: string): Promise<EncryptedCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'stead-encrypted-'))
  // The server's user must reach its own.
  chmodSync(folder, 0o755)
  const [dataDir, elsewhere] = [join(folder, 'cluster'), join(folder, 'elsewhere')]
  const postgres = await startPostgres({
    dataDir,
    password: new Secret('test'),
    durable: false,
    log: pino({ level: 'silent' }),
  })
  const own = makeCertificate(dataDir, host)
  mkdirSync(elsewhere)
  const foreign = makeCertificate(elsewhere, host)
  await ask(postgres, 'alter system set ssl = on')
  await ask(postgres, 'select pg_reload_conf()')
  await vi.waitFor(async () => expect(await ask(postgres, 'show ssl')).toEqual([{ ssl: 'on' }]))
  const stop = async (): Promise<void> => {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { postgres, own, foreign, stop }
}

async function ask(postgres: EmbeddedPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.urlOf('postgres').reveal() })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}
