/** As many processes behind one port as the bench asks for. */
import cluster from 'node:cluster'

const { PROCESSES = '1', PORT } = process.env

/**
 * @param serve listens on the port
 * @param prepare what only the first process does, before the others start
 */
export async function many(serve, prepare = async () => {}) {
  const wanted = Number(PROCESSES)
  if (cluster.isPrimary) await prepare()
  if (!cluster.isPrimary || wanted === 1) {
    await serve(Number(PORT))
    return
  }
  for (let at = 0; at < wanted; at++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill('SIGTERM')
    process.exit()
  })
}
