#!/usr/bin/env node
// The `stead` command. Plain JavaScript, so that an old Node can at least say what it lacks.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LEAST_NODE = 24

/** Ends a program when the one that started it ends, however that happens. */
const SETPRIV = '/usr/bin/setpriv'

if (Number(process.versions.node.split('.')[0]) >= LEAST_NODE) {
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
} else {
  restartWithOwnNode()
}

/** npm puts a new enough Node beside the dependencies where there is one for the platform. */
function restartWithOwnNode() {
  const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (process.env.STEAD_OWN_NODE || !existsSync(own)) {
    console.error(
      `Stead needs Node ${LEAST_NODE} or newer: this is ${process.version}. Run "npm ci" in Stead's folder, which brings one, or install a newer Node`,
    )
    process.exit(1)
  }
  const command = [own, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  // This Node cannot become another program, so its death must be that of the program it started.
  if (process.platform === 'linux' && existsSync(SETPRIV)) {
    command.unshift(SETPRIV, '--pdeathsig', 'KILL', '--')
  }
  const child = spawn(command[0], command.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, STEAD_OWN_NODE: '1' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`Cannot run ${own}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal) process.removeAllListeners(signal).kill(process.pid, signal)
    else process.exit(code ?? 1)
  })
}
