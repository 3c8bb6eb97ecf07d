/** `stead start`: becomes the server process, so that there is only one. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'

const SERVER = fileURLToPath(new URL('../server/main.ts', import.meta.url))

export function addStart(stead: Command): void {
  stead
    .command('start')
    .description(
      'start the instance: PostgreSQL, the API, everything ("start --help" lists its flags)',
    )
    .usage('[--port N] [--data-dir FOLDER] [--host ADDRESS]')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action((_options, command: Command) => start(command.args))
}

/** The server knows its own flags and explains them. */
function start(args: readonly string[]): void {
  const [program = '', ...argv] = [
    ...withParent(),
    process.execPath,
    ...process.execArgv,
    SERVER,
    ...args,
  ]
  if (process.execve) process.execve(program, [program, ...argv], process.env)
  const child = spawn(program, argv, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => process.exit(code ?? 1))
}

const SETPRIV = '/usr/bin/setpriv'

/**
 * npm and its shell end at a signal without waiting for what they started: the server then gets
 * SIGTERM from the kernel, so that it drains instead of staying behind.
 */
function withParent(): string[] {
  const isUnderNpm = process.env.npm_lifecycle_event !== undefined && !process.env.STEAD_OWN_NODE
  const isPossible = process.platform === 'linux' && existsSync(SETPRIV)
  return isUnderNpm && isPossible ? [SETPRIV, '--pdeathsig', 'TERM', '--'] : []
}
