/** Which port the server listens on. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { conflict } from '#core/errors'
import { attempt } from './processes.ts'

export const HOST = '127.0.0.1'

/**
 * The asked port, else the one of the last start, else any free one.
 * @throws `conflict` port_in_use for an asked port
 */
export async function choosePort(asked: number | undefined, dataDir: string): Promise<number> {
  if (asked) {
    if (await listenOnce(asked)) return asked
    throw portInUse(asked)
  }
  const last = lastPort(dataDir)
  const port = (last && (await listenOnce(last))) || (await listenOnce(0))
  if (!port) throw conflict('port_in_use', `Cannot start PostgreSQL: no port is free on ${HOST}`)
  return port
}

export function portInUse(port: number) {
  return conflict('port_in_use', `Cannot start PostgreSQL: port ${port} of ${HOST} is in use`, {
    hint: 'Choose another port for the database, or 0 for any free one.',
  })
}

/** PostgreSQL keeps the words of its last start, so we need no note of our own. */
function lastPort(dataDir: string): number | undefined {
  const words = attempt(() => readFileSync(join(dataDir, 'postmaster.opts'), 'utf8'))
  return Number(/"port=(\d+)"/.exec(words ?? '')?.[1]) || undefined
}

/** The port when it is free, 0 meaning any; undefined when it is taken or not allowed. */
export function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: HOST, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}
