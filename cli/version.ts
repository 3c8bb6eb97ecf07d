/** `stead version`. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'

export function addVersion(stead: Command): void {
  stead
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`${version()}\n`)
    })
}

export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
