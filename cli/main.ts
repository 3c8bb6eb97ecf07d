/** The commands of `stead`: each is a file of its own, this one names them and words what is mistyped. */
import { Command, CommanderError } from 'commander'
import { Failure } from './failure.ts'
import { addInit } from './init.ts'
import { addLogs } from './logs.ts'
import { addStart } from './start.ts'
import { addStatus } from './status.ts'
import { addVersion, version } from './version.ts'

/** Typed wrongly, as opposed to tried and failed. */
const USAGE = 2

/** Runs one command. The exit code is 0 when it did what was asked, 1 when it could not, 2 when it was mistyped. */
export async function main(args: readonly string[]): Promise<void> {
  // Who reads has seen enough, as in "stead logs | head".
  process.stdout.on('error', () => process.exit())
  try {
    const stead = program()
    await stead.parseAsync(meant(stead, args), { from: 'user' })
  } catch (error) {
    process.exitCode = exitCode(error)
    if (!(error instanceof CommanderError)) process.stderr.write(`${sentence(error)}\n`)
  }
}

/** `help start` is `start --help`, which knows more; `help` with a word that is no command is that word, mistyped. */
function meant({ commands }: Command, args: readonly string[]): string[] {
  const [first = 'help', about, ...rest] = args
  if (first !== 'help' || about === undefined || about.startsWith('-'))
    return [first, ...args.slice(1)]
  const isKnown = about === 'help' || commands.some((command) => command.name() === about)
  return isKnown ? [about, '--help', ...rest] : [about]
}

export function program(): Command {
  const stead = new Command('stead')
    .description("Your app's whole backend in one process")
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print this help, or that of one command')
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(advised(text)) })
    .addHelpText('after', EXAMPLES)
  for (const add of [addStart, addStatus, addInit, addLogs, addVersion]) add(stead)
  return stead
}

const EXAMPLES = `
Examples:
  stead start --port 8080     start here; the data goes to the folder .stead
  stead status --json         address and keys of what runs here
  stead init my-app           make an app and see what to do next`

/** What commander says, as one sentence that ends with what to type instead. */
function advised(text: string): string {
  const [problem = '', guess = ''] = text.trim().split('\n')
  const meant = /^\(Did you mean (one of )?(.+)\?\)$/.exec(guess)?.[2]
  const said = problem
    .replace(/^error: /, '')
    .replaceAll("'", '"')
    .replace(/\.+$/, '')
  const hasAdvice = said.includes('. ')
  const advice = meant ? `Did you mean ${meant}?` : 'Type "stead help" to see what there is'
  return `Cannot run this: ${said}${hasAdvice ? '' : `. ${advice}`}\n`
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
  return error instanceof Failure && error.isUsage ? USAGE : 1
}

/** Only what nobody foresaw keeps its stack. */
function sentence(error: unknown): string {
  if (error instanceof Failure) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
