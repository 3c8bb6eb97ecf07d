/** Asks PostgreSQL to stop what a connection runs. */
import { connect } from 'node:net'

/** What `pg` knows of a connection, beyond what its types say. */
export type Backend = { processID: number; secretKey: number; host: string; port: number }

const CANCEL_CODE = 80_877_102

/** Over a connection of its own; `done` when it is over, whatever came of it. */
export function sendCancel({ host, port, processID, secretKey }: Backend, done: () => void): void {
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(CANCEL_CODE, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  const path = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined
  const socket = path ? connect(path) : connect(port, host)
  socket.on('error', () => {})
  socket.on('close', done)
  socket.end(packet)
  socket.resume()
}
