/** `stead status`: the address and the keys of the running instance. */
import { type Command, Option } from 'commander'
import { type DataDirOption, dataDirOf, withDataDir } from './data-dir.ts'
import { type Running, runningInstance, STATUS_KEYS } from './instance.ts'
import { bold, shellExports, table } from './text.ts'

export function addStatus(stead: Command): void {
  const command = stead
    .command('status')
    .description('show the address and the keys of the running instance')
    .addOption(new Option('--json', 'print one JSON object').conflicts('env'))
    .option('--env', 'print lines for a shell: eval "$(stead status --env)"')
  withDataDir(command).action(status)
}

type Options = DataDirOption & { json?: true; env?: true }

async function status({ json, env, ...option }: Options): Promise<void> {
  const running = await runningInstance(dataDirOf(option))
  const render = json ? asJson : env ? asEnvironment : asText
  process.stdout.write(`${render(running)}\n`)
}

/** What the examples of the documentation call them; not `STEAD_…`, which are settings. */
const VARIABLES = {
  API_URL: 'url',
  PLATFORM_KEY: 'platform_key',
  APP_ID: 'app_id',
  ANON_KEY: 'anon_key',
  SERVICE_KEY: 'service_key',
  DATABASE_URL: 'database_url',
} as const

const asEnvironment = (running: Running): string =>
  shellExports(
    Object.fromEntries(Object.entries(VARIABLES).map(([name, key]) => [name, running[key]])),
  )

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
