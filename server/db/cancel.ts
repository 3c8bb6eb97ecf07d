/** Asks PostgreSQL to stop what a connection runs. */
import { isIP, type Socket } from 'node:net'
import pg from 'pg'

/** What `pg` knows of a connection, beyond what its types say. */
export type Backend = {
  processID: number
  secretKey: number
  host: string
  port: number
  /** Of its certificate and ours; false without TLS. */
  ssl: boolean | Encryption
  sslNegotiation: string
  connection: { stream: Socket }
}

type Encryption = { key?: unknown; host?: string; servername?: string }

/** What opens a connection of `pg`, and asks for TLS where it was told to; the request is up to us. */
type Opening = Omit<pg.Connection, 'stream'> & {
  stream: Socket
  connect(port: number | string, host?: string): void
  requestSsl(): void
}

const CANCEL_CODE = 80_877_102

/** A request that could not be sent by then is not sent. */
const OPEN_MS = 10_000

/**
 * Over a connection of its own, to the same server and encrypted in the same way; `done` when it is over, whatever
 * came of it. The request can end somebody's statement: where the connection has TLS, it is sent over TLS or not at all.
 */
export function sendCancel(backend: Backend, done: () => void): void {
  const { ssl, sslNegotiation } = backend
  const opening = open(backend)
  // First of all, as the others may end it.
  opening.once('end', done)
  const timer = setTimeout(() => opening.stream.destroy(), OPEN_MS).unref()
  opening.once('end', () => clearTimeout(timer))
  opening.on('error', () => opening.stream.destroy())
  const send = (): void => {
    // What was written must be taken before another statement may run.
    opening.stream.end(requestOf(backend), () => clearTimeout(timer))
  }
  if (!ssl) opening.once('connect', send)
  // What is written then waits until the certificate is checked.
  else opening.once('sslconnect', send)
  if (ssl && sslNegotiation !== 'direct') opening.once('connect', () => opening.requestSsl())
}

function open({ host, port, ssl, sslNegotiation, connection }: Backend): Opening {
  const { remoteAddress } = connection.stream
  const settings = {
    ssl: ssl && sameServer(ssl, host),
    sslNegotiation,
    // A server that went away without a word is noticed.
    keepAlive: true,
    keepAliveInitialDelayMillis: OPEN_MS,
  }
  const opening = new pg.Connection(settings as pg.ConnectionConfig) as unknown as Opening
  if (host.startsWith('/')) opening.connect(`${host}/.s.PGSQL.${port}`)
  else opening.connect(port, remoteAddress ?? host)
  return opening
}

/** The name may stand for several servers, so that we go to an address: the certificate is still of the name. */
function sameServer(ssl: true | Encryption, host: string): Encryption {
  // `pg` keeps the key where a copy of the rest does not find it.
  const own = ssl === true ? {} : { ...ssl, ...('key' in ssl ? { key: ssl.key } : {}) }
  return { ...own, host, ...(isIP(host) ? {} : { servername: host }) }
}

function requestOf({ processID, secretKey }: Backend): Buffer {
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(CANCEL_CODE, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  return packet
}
