/** The commands of `stead`. Each is a file of its own; this one only names them. */
import { Command, CommanderError } from 'commander'
import { start } from './start.ts'

export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('stead')
    .description("Your app's whole backend in one process")
    .exitOverride()
  program
    .command('start')
    .description('Start the instance: PostgreSQL, the API, everything')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action((_options, command: Command) => start(command.args))
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? error.exitCode : 1
    if (!(error instanceof CommanderError)) process.stderr.write(`${String(error)}\n`)
  }
}
