/** Every setting of an instance: its names, its default, what it accepts. One line each. */
import { isIP } from 'node:net'
import { durationMs } from '#core/clock'
import { Secret } from '#core/secret'

/** Turns text into a value, or says in a few words what the text should have been. */
type Parse<T> = (text: string) => T | { expected: string }

export type Setting<T, Default extends string | undefined> = {
  /** Environment variable. */
  env: string
  /** Command-line flag, where there is one. */
  flag?: string
  /** Text form of the default; undefined when the setting may be absent. */
  default: Default
  parse: Parse<T>
  /** One sentence for the table in docs/configuration.md. */
  about: string
}

export type Region = { name: string; url: Secret | undefined }

const text: Parse<string> = (value) => value

const integer =
  (min: number, max: number): Parse<number> =>
  (value) => {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    const good = number >= min && number <= max
    return good ? number : { expected: `a whole number from ${min} to ${max}` }
  }

const oneOf =
  <T extends string>(...words: readonly T[]): Parse<T> =>
  (value) =>
    words.find((word) => word === value) ?? { expected: `one of ${words.join(', ')}` }

const httpUrl: Parse<string> = (value) =>
  /^https?:$/.test(URL.parse(value)?.protocol ?? '')
    ? value.replace(/\/+$/, '')
    : { expected: 'a URL such as https://api.example.com' }

function isPostgresUrl(value: string): boolean {
  const url = URL.parse(value)
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) return false
  // Behind a slash in a password the rest of it would be taken for the host, asked for, and shown.
  const endsEarly = `${url.pathname}${url.search}${url.hash}`.includes('@')
  return !endsEarly && isDecodable(url.username) && isDecodable(url.password)
}

const isDecodable = (text: string): boolean => !/%(?![0-9a-f]{2})/i.test(text)

const postgresUrl: Parse<Secret> = (value) =>
  isPostgresUrl(value) ? new Secret(value) : { expected: POSTGRES_URL }

const POSTGRES_URL =
  'a URL such as postgresql://user:password@host:5432/postgres, with %40 for @, %2F for /, %23 for # and %25 for % in user and password'

/** A timer that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

const duration: Parse<number> = (value) => {
  const ms = durationMs(value)
  return ms === undefined || ms > MAX_TIMER_MS
    ? { expected: 'a duration such as 30s, 15m or 2h, at most 24d' }
    : ms
}

const longSecret: Parse<Secret> = (value) =>
  value.length >= 32 ? new Secret(value) : { expected: 'at least 32 characters' }

const list: Parse<string[]> = (value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)

const addresses: Parse<string[]> = (value) => {
  const all = list(value) as string[]
  return all.every((item) => isIP(item) !== 0)
    ? all
    : { expected: 'IP addresses such as 10.0.0.1,10.0.0.2' }
}

const domain: Parse<string> = (value) =>
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(value)
    ? value
    : { expected: 'a domain such as apps.example.com' }

const secretList: Parse<Secret[]> = (value) => {
  const all = list(value) as string[]
  return all.every((item) => item.length >= 32)
    ? all.map((item) => new Secret(item))
    : { expected: 'secrets of at least 32 characters each, separated by commas' }
}

const REGION = /^([a-z]+(?:-[a-z0-9]+)+)(?:=(.+))?$/

const regions: Parse<Region[]> = (value) => {
  const found = value.split(',').map((item) => REGION.exec(item.trim()))
  const names = new Set(found.map((match) => match?.[1]))
  const good = found.every((match) => match && (!match[2] || isPostgresUrl(match[2])))
  if (!good || names.size < found.length) {
    return {
      expected:
        'names such as us-east-1,us-west-2, each with =postgresql://… where it has its own cluster',
    }
  }
  return found.map((match) => ({
    name: match?.[1] ?? '',
    url: match?.[2] ? new Secret(match[2]) : undefined,
  }))
}

/** Keeps each entry's own types: a setting with a default is never absent. */
const setting = <T, Default extends string | undefined>(
  entry: Setting<T, Default>,
): Setting<T, Default> => entry

export const SETTINGS = {
  host: setting({
    env: 'STEAD_HOST',
    flag: '--host',
    default: '127.0.0.1',
    parse: text,
    about: 'Address to listen on; `0.0.0.0` lets other machines in.',
  }),
  port: setting({
    env: 'STEAD_PORT',
    flag: '--port',
    default: '8080',
    parse: integer(0, 65_535),
    about: 'Port of the API; 0 picks a free one.',
  }),
  dataDir: setting({
    env: 'STEAD_DATA_DIR',
    flag: '--data-dir',
    default: '.stead',
    parse: text,
    about: 'Folder that holds everything the instance keeps.',
  }),
  publicUrl: setting({
    env: 'STEAD_PUBLIC_URL',
    default: undefined,
    parse: httpUrl,
    about:
      'How the world reaches the API, with the path that a proxy takes away; default `http://<host>:<port>`.',
  }),
  baseDomain: setting({
    env: 'STEAD_BASE_DOMAIN',
    default: 'localhost',
    parse: domain,
    about: 'Domain under which every app gets its subdomain.',
  }),
  databaseUrl: setting({
    env: 'STEAD_DATABASE_URL',
    default: undefined,
    parse: postgresUrl,
    about: 'A PostgreSQL 15+ to use instead of the embedded one, as a superuser.',
  }),
  regions: setting({
    env: 'STEAD_REGIONS',
    default: 'us-east-1,us-west-2',
    parse: regions,
    about: 'Regions by name; `name=postgresql://…` gives a region its own cluster.',
  }),
  secret: setting({
    env: 'STEAD_SECRET',
    default: undefined,
    parse: longSecret,
    about: 'The instance secret, for several nodes; default: a file that the first start makes.',
  }),
  previousSecrets: setting({
    env: 'STEAD_PREVIOUS_SECRETS',
    default: undefined,
    parse: secretList,
    about: 'Earlier instance secrets, comma-separated, newest first: they still decrypt.',
  }),
  logLevel: setting({
    env: 'STEAD_LOG_LEVEL',
    default: 'info',
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    about: 'Least important level that is logged.',
  }),
  logFormat: setting({
    env: 'STEAD_LOG_FORMAT',
    default: 'auto',
    parse: oneOf('auto', 'pretty', 'json'),
    about: '`auto` is pretty on a terminal and JSON elsewhere.',
  }),
  metricsPort: setting({
    env: 'STEAD_METRICS_PORT',
    default: '9464',
    parse: integer(0, 65_535),
    about: 'Loopback port of the Prometheus metrics; another free one is taken when it is in use.',
  }),
  drainMs: setting({
    env: 'STEAD_DRAIN',
    default: '10s',
    parse: duration,
    about: 'How long a stop waits for running requests.',
  }),
  trustedProxies: setting({
    env: 'STEAD_TRUSTED_PROXIES',
    default: undefined,
    parse: addresses,
    about: 'Addresses whose `X-Forwarded-For` is believed, comma-separated.',
  }),
  appRateLimit: setting({
    env: 'STEAD_APP_RATE_LIMIT',
    default: '60000',
    parse: integer(-1, 10_000_000),
    about:
      'Requests a minute that one app may receive on `/v1/{app_id}`; -1 switches the limit off.',
  }),
  signInRateLimits: setting({
    env: 'STEAD_SIGN_IN_RATE_LIMITS',
    default: 'on',
    parse: oneOf('on', 'off'),
    about: 'Limits per address on sign-up, sign-in and codes; `off` is for load tests.',
  }),
  functionStandby: setting({
    env: 'STEAD_FUNCTION_STANDBY',
    default: '1',
    parse: integer(0, 32),
    about: 'Idle function processes kept ready for the next cold call.',
  }),
  spareDatabases: setting({
    env: 'STEAD_SPARE_DATABASES',
    default: '1',
    parse: integer(0, 1),
    about: 'Whether an app database is kept ready, so that the next new app takes milliseconds.',
  }),
  databaseConnections: setting({
    env: 'STEAD_DATABASE_CONNECTIONS',
    default: '10',
    parse: integer(1, 200),
    about: 'Connections at most per app and process for data requests.',
  }),
  clusterConnections: setting({
    env: 'STEAD_CLUSTER_CONNECTIONS',
    default: '0',
    parse: integer(0, 100_000),
    about:
      'Connections at most to the databases of all apps of a cluster together, per process; 0 is seven tenths of what the cluster allows.',
  }),
} as const

export type SettingName = keyof typeof SETTINGS
