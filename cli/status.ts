/** `stead status`: the address and the keys of the running instance. */
import type { Command } from 'commander'
import { type DataDirOption, dataDirOf, withDataDir } from './data-dir.ts'
import { type Running, runningInstance, STATUS_KEYS } from './instance.ts'
import { bold, table } from './text.ts'

export function addStatus(stead: Command): void {
  const command = stead
    .command('status')
    .description('show the address and the keys of the running instance')
    .option('--json', 'print one JSON object')
  withDataDir(command).action(status)
}

async function status({ json, ...option }: DataDirOption & { json?: true }): Promise<void> {
  const running = await runningInstance(dataDirOf(option))
  process.stdout.write(`${json ? asJson(running) : asText(running)}\n`)
}

const asJson = (running: Running): string =>
  JSON.stringify(Object.fromEntries(STATUS_KEYS.map((key) => [key, running[key]])), undefined, 2)

function asText(running: Running): string {
  const since = new Date(running.started_at).toLocaleString('sv-SE')
  return [
    `${bold(`Stead ${running.version}`)} runs since ${since} (process ${running.pid})`,
    table([
      ['API', running.url],
      ['Console', running.console_url],
      ['Platform key', running.platform_key],
      ['Default app', running.app_id],
      ['Anon key', running.anon_key],
      ['Service key', running.service_key],
      ['Database', running.database_url],
      ['Data folder', running.data_dir],
    ]),
  ].join('\n')
}
