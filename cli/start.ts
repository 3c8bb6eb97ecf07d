/** `stead start`: becomes the server process, so that there is only one. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('../server/main.ts', import.meta.url))

export function start(args: readonly string[]): void {
  const argv = [...process.execArgv, SERVER, ...args]
  if (process.execve) process.execve(process.execPath, [process.execPath, ...argv], process.env)
  const child = spawn(process.execPath, argv, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => process.exit(code ?? 1))
}
