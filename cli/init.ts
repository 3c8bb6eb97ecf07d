/** `stead init NAME`: makes an app on the running instance and says what to do next. */
import type { Command } from 'commander'
import { type DataDirOption, dataDirOf, withDataDir } from './data-dir.ts'
import { Failure, mistyped } from './failure.ts'
import { runningInstance } from './instance.ts'
import { bold, dim, shellExports, table } from './text.ts'

type Options = DataDirOption & { region?: string; url?: string; key?: string; env?: true }

type Target = { url: string; key: string }

type NewApp = {
  app_id: string
  name: string
  region: string
  api_url: string
  anon_key: string
  service_key: string
  provisioning_status: string
}

const TIMEOUT_MS = 30_000

export function addInit(stead: Command): void {
  const command = stead
    .command('init')
    .argument('<name>', 'name of the app: a-z, 0-9, - and _')
    .description('create an app and print what to do next')
    .option('--region <region>', 'where its database lives')
    .option('--url <url>', 'another instance than the one that runs here (with --key)')
    .option('--key <key>', 'platform key of that instance')
    .option('--env', 'print lines for a shell: eval "$(stead init my-app --env)"')
  withDataDir(command).action(init)
}

async function init(name: string, options: Options): Promise<void> {
  const target = await targetOf(options)
  const body = { name, ...(options.region === undefined ? {} : { region: options.region }) }
  const { status, app } = await create(target, body)
  if (app.provisioning_status === 'failed') throw withoutDatabase(app, target)
  const text = options.env ? asEnvironment(app, target) : report(app, status === 201, target)
  process.stdout.write(`${text}\n`)
}

async function targetOf({ url, key, ...option }: Options): Promise<Target> {
  if (url === undefined && key === undefined) {
    const running = await runningInstance(dataDirOf(option))
    return { url: running.local_url, key: running.platform_key }
  }
  if (url === undefined || key === undefined) {
    throw mistyped('--url and --key belong together: give both, or neither for what runs here')
  }
  const address = addressFrom(url)
  if (!/^[\x21-\x7e]+$/.test(key)) throw mistyped('--key has characters that no key has')
  return { url: address, key }
}

const FOR_EXAMPLE = 'type --url http://127.0.0.1:8080, for example'

/** What may hold a secret is not repeated: a screen is read by others, and kept in logs. */
function addressFrom(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw mistyped(
      `${text.includes('@') ? '--url' : `"${text}"`} is not an address: ${FOR_EXAMPLE}`,
    )
  }
  if (url.username || url.password) {
    throw mistyped(
      '--url cannot hold a user or a password: leave them out, and give the key by --key',
    )
  }
  if (url.search || url.hash) {
    throw mistyped(`--url is the address alone, without ? and #: ${FOR_EXAMPLE}`)
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

async function create(
  { url, key }: Target,
  body: object,
): Promise<{ status: number; app: NewApp }> {
  const answer = await fetch(`${url}/init`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new Failure(
      `Cannot reach ${url}: ${reason(cause)}. Check the address, and that Stead runs there`,
    )
  })
  const content = (await answer.json().catch(() => ({}))) as NewApp & Refusal
  if (!answer.ok) throw new Failure(`Cannot create the app: ${refusal(content, answer.status)}`)
  return { status: answer.status, app: content }
}

const withoutDatabase = ({ name, app_id: id }: NewApp, { url }: Target): Failure =>
  new Failure(
    `${name} has no database. GET ${url}/apps/${id}/status says why; DELETE ${url}/apps/${id}, then create it again`,
  )

type Refusal = { error?: { message?: string; remediation?: string } }

/** The API's own words, and what it advises. */
function refusal({ error }: Refusal, status: number): string {
  if (!error?.message) return `the instance answered ${status}`
  return `${error.message}. ${error.remediation ?? ''}`.trim()
}

function reason(cause: unknown): string {
  const { code, message } = ((cause as Error).cause ?? {}) as { code?: string; message?: string }
  return code === 'ECONNREFUSED'
    ? 'nothing listens there'
    : (code ?? message ?? (cause as Error).message)
}

/** By the names that `stead status --env` uses. */
const asEnvironment = (app: NewApp, { url }: Target): string =>
  shellExports({
    API_URL: url,
    APP_ID: app.app_id,
    ANON_KEY: app.anon_key,
    SERVICE_KEY: app.service_key,
  })

function report(app: NewApp, isNew: boolean, { url }: Target): string {
  const facts: [string, string][] = [
    ['App', app.app_id],
    ['Region', app.region],
    ['API', app.api_url],
    ['Anon key', app.anon_key],
    ['Service key', app.service_key],
  ]
  const done = app.provisioning_status === 'ready' ? 'is ready' : 'is being made'
  return [
    bold(isNew ? `${app.name} ${done}` : `${app.name} was there already`),
    table(facts),
    '',
    bold('What to do next'),
    ...steps(`${url}/v1/${app.app_id}`, app).map(
      ({ about, command }) => `  ${dim(`# ${about}`)}\n  ${command}`,
    ),
  ].join('\n')
}

const TODO_TABLE =
  '{"schema":{"tables":{"todos":{"columns":{"id":{"type":"uuid","primaryKey":true,"default":"gen_random_uuid()"},"title":{"type":"text","nullable":false}}}}}}'

function steps(api: string, { service_key: key }: NewApp) {
  const curl = `curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json'`
  return [
    { about: 'put address and key into this shell', command: `API=${api} KEY=${key}` },
    { about: 'make a table', command: `${curl} $API/schema/apply -d '${TODO_TABLE}'` },
    { about: 'write a row', command: `${curl} $API/todos -d '{"title":"Try Stead"}'` },
    { about: 'read it back', command: `${curl} $API/todos` },
  ]
}
