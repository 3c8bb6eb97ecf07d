/** A schema of a thousand tables, and a hundred apps on one process: what they cost those who ask for something else. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { readConfig } from '../server/config.ts'
import { instanceSecrets } from '../server/process/secret-file.ts'
import { type Instance, newDataDir, removeDataDir, startInstance } from './instance.ts'
import { median, quantile, type Row } from './report.ts'

const TABLES = 1_000
const APPS = 100
const LOAD_BAR_MS = 1_000
const WAIT_BAR_MS = 50
const COLD_BAR_MS = 50
/** How often somebody else asks for something. */
const ASK_MS = 2

const COLUMNS =
  'id int primary key, a text, b int, c uuid, d timestamptz, e jsonb, f numeric, g bool, h int8'

export async function benchScale(): Promise<Row[]> {
  return [
    ...(await withInstance({}, benchTables)),
    ...(await withInstance({}, async (instance, dataDir) => {
      const keys = await makeApps(instance)
      // A second node of the same cluster, which knows none of them.
      const env = { STEAD_DATABASE_URL: clusterOf(instance), STEAD_SECRET: secretOf(dataDir) }
      return withInstance(env, (second) => benchApps(second, keys))
    })),
  ]
}

async function withInstance<T>(
  env: Record<string, string>,
  work: (instance: Instance, dataDir: string) => Promise<T>,
): Promise<T> {
  const dataDir = newDataDir()
  try {
    const instance = await startInstance(dataDir, { STEAD_APP_RATE_LIMIT: '-1', ...env })
    return await work(instance, dataDir).finally(() => instance.stop())
  } finally {
    removeDataDir(dataDir)
  }
}

function clusterOf({ facts }: Instance): string {
  const url = new URL(facts.database_url)
  url.pathname = '/postgres'
  return url.href
}

function secretOf(dataDir: string): string {
  const [current] = instanceSecrets(dataDir, readConfig({ env: {} }))
  if (!current) throw new Error('the instance has no secret')
  return current.secret.reveal()
}

async function benchTables(instance: Instance): Promise<Row[]> {
  const { database_url: connectionString, service_key: key } = instance.facts
  const client = new pg.Client({ connectionString })
  await client.connect()
  await makeTables(client)
  const rest = () => ask(instance, '/rest/v1/wide_1', key)
  const graphql = (query: string) => ask(instance, '/api/v1/graphql', key, { query })
  const rows = [
    ...rowsOf('catalog', await watched(instance, rest), LOAD_BAR_MS),
    ...rowsOf(
      'first GraphQL',
      await watched(instance, () => graphql('{ wide1 { id } }')),
      LOAD_BAR_MS,
    ),
    ...rowsOf(
      'introspection',
      await watched(instance, () => ask(instance, '/api/v1/graphql', key)),
    ),
    ...rowsOf('OpenAPI', await watched(instance, () => ask(instance, '/openapi.json', key))),
  ]
  const reloaded = await watched(instance, async () => {
    await client.query('alter table public.wide_1 add column later int')
    const until = performance.now() + 2 * LOAD_BAR_MS
    while (performance.now() < until) await Promise.all([rest(), graphql('{ wide1 { id } }')])
  })
  await client.end()
  return [...rows, ...rowsOf('reload', reloaded).filter(({ bar }) => bar !== undefined)]
}

async function makeTables(client: pg.Client): Promise<void> {
  for (let from = 1; from <= TABLES; from += 250) {
    await client.query(`do $$ begin for i in ${from}..${from + 249} loop
      execute format('create table public.wide_%s (${COLUMNS}, parent int references public.wide_%s)', i, greatest(i - 1, 1));
      execute format('grant all on public.wide_%s to service_role', i); end loop; end $$`)
  }
}

// oxlint-disable-next-line max-params -- reads like HTTP at the call
async function ask({ facts }: Instance, path: string, key: string, body?: object): Promise<void> {
  const res = await fetch(`${facts.url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  let bytes = 0
  // Piece by piece: 30 MB in one would hold up this very process, which measures how long others wait.
  for await (const chunk of res.body ?? []) bytes += chunk.byteLength
  if (!res.ok) throw new Error(`${path} answered ${res.status} with ${bytes} bytes`)
}

type Watched = { ms: number; waits: number[] }

/** How long `work` took, and how long each who asked for something small meanwhile had to wait. */
async function watched(instance: Instance, work: () => Promise<unknown>): Promise<Watched> {
  const waits: number[] = []
  let over = false
  const others = async (): Promise<void> => {
    while (!over) {
      const began = performance.now()
      await (await fetch(`${instance.facts.url}/health`)).arrayBuffer()
      waits.push(performance.now() - began)
      await delay(ASK_MS)
    }
  }
  const watching = others()
  const began = performance.now()
  await work()
  const ms = performance.now() - began
  over = true
  await watching
  return { ms, waits }
}

function rowsOf(what: string, { ms, waits }: Watched, barMs?: number): Row[] {
  const longest = Math.max(...waits)
  const name = `${what} of ${TABLES} tables`
  return [
    {
      name,
      ours: ms,
      unit: 'ms',
      ...(barMs === undefined ? {} : { bar: `<= ${barMs}`, met: ms <= barMs }),
    },
    {
      name: `${name}, others meanwhile`,
      ours: longest,
      unit: 'ms, longest wait',
      p50: median(waits),
      p99: quantile(waits, 0.99),
      bar: `<= ${WAIT_BAR_MS}`,
      met: longest <= WAIT_BAR_MS,
    },
  ]
}

/** @returns a key of each */
async function makeApps({ facts }: Instance): Promise<string[]> {
  const keys: string[] = []
  const post = async (path: string, body: object, key: string): Promise<Record<string, string>> => {
    const res = await fetch(`${facts.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await res.text()
    if (!res.ok) throw new Error(`${path} answered ${res.status}: ${text}`)
    return JSON.parse(text) as Record<string, string>
  }
  const columns = { id: { type: 'integer', primaryKey: true }, name: { type: 'text' } }
  for (let at = 0; at < APPS; at++) {
    const made = await post('/init', { name: `cold-${at}` }, facts.platform_key)
    await post(
      `/v1/${made.app_id}/schema/apply`,
      { schema: { tables: { notes: { columns } } } },
      facts.platform_key,
    )
    keys.push(made.service_key ?? '')
  }
  return keys
}

async function benchApps(instance: Instance, keys: readonly string[]): Promise<Row[]> {
  const read = (key: string) => ask(instance, '/rest/v1/notes?id=eq.1', key)
  await ask(instance, '/health', instance.facts.anon_key)
  const times: number[] = []
  for (const key of keys) {
    const began = performance.now()
    await read(key)
    times.push(performance.now() - began)
  }
  const { most, limit } = await connectionsDuring(instance, () =>
    Promise.all(keys.flatMap((key) => Array.from({ length: 5 }, () => read(key)))),
  )
  return [
    {
      name: `first request to each of ${APPS} cold apps`,
      ours: median(times),
      unit: 'ms',
      p50: median(times),
      p95: quantile(times, 0.95),
      p99: quantile(times, 0.99),
      bar: `<= ${COLD_BAR_MS}`,
      met: median(times) <= COLD_BAR_MS,
    },
    {
      name: `${APPS} apps used at once`,
      ours: most,
      ceiling: limit,
      ratio: most / limit,
      unit: 'connections',
      bar: 'ratio < 1',
      met: most < limit,
    },
  ]
}

async function connectionsDuring(
  { facts }: Instance,
  work: () => Promise<unknown>,
): Promise<{ most: number; limit: number }> {
  const client = new pg.Client({ connectionString: facts.database_url })
  await client.connect()
  const text = `select count(*)::int as n, current_setting('max_connections')::int as max
    from pg_stat_activity where backend_type = 'client backend'`
  let most = 0
  let limit = 0
  let over = false
  const watching = (async () => {
    while (!over) {
      const { rows } = await client.query<{ n: number; max: number }>(text)
      most = Math.max(most, rows[0]?.n ?? 0)
      limit = rows[0]?.max ?? 0
    }
  })()
  await work()
  over = true
  await watching
  await client.end()
  return { most, limit }
}
