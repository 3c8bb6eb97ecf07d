/** Configuration: flags > environment > stead.config.json > defaults. The only reader of process.env. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { invalid } from '#core/errors'
import { SETTINGS, type SettingName } from './settings.ts'

type Parsed<P> = P extends (text: string) => infer R ? Exclude<R, { expected: string }> : never

type Value<N extends SettingName> = (typeof SETTINGS)[N]['default'] extends string
  ? Parsed<(typeof SETTINGS)[N]['parse']>
  : Parsed<(typeof SETTINGS)[N]['parse']> | undefined

export type Config = { readonly [N in SettingName]: Value<N> }

export type Sources = {
  /** From the command line, by setting name. */
  flags?: Partial<Record<SettingName, string>>
  env?: Record<string, string | undefined>
  /** Folder in which `stead.config.json` may stand. */
  folder?: string
}

/**
 * Reads every setting once.
 * @throws `invalid` bad_setting: a sentence that names the setting, where it came from and what it accepts
 */
export function readConfig({ flags = {}, env = process.env, folder = '.' }: Sources = {}): Config {
  const file = readFile(resolve(folder, 'stead.config.json'))
  const names = Object.keys(SETTINGS) as SettingName[]
  const entries = names.map((name) => [name, valueOf(name, { flags, env, file })])
  return Object.fromEntries(entries) as Config
}

/** What the command itself, the tests and the benches read, and no start. */
const OTHERS =
  /^STEAD_(OWN_NODE$|TEST_|BENCH_|WRITE_|URL$|PLATFORM_KEY$|APP_ID$|ANON_KEY$|SERVICE_KEY$)/

/** Variables that look like settings and are none: mistyped, most likely. */
export function unknownVariables(env: Record<string, string | undefined> = process.env): string[] {
  const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.env))
  return Object.keys(env).filter(
    (name) => name.startsWith('STEAD_') && !known.has(name) && !OTHERS.test(name),
  )
}

type Found = { text: string; from: string }

type Given = { flags: Record<string, string>; env: NodeJS.ProcessEnv; file: Record<string, string> }

function valueOf(name: SettingName, given: Given): unknown {
  const setting = SETTINGS[name]
  const found = find(name, given)
  if (!found) return undefined
  const value: unknown = setting.parse(found.text)
  if (value && typeof value === 'object' && 'expected' in value) {
    const shown = isSecret(name) ? '' : `: current value is "${found.text}"`
    throw invalid(
      'bad_setting',
      `Cannot start: ${found.from} must be ${String(value.expected)}${shown}`,
    )
  }
  return value
}

function find(name: SettingName, { flags, env, file }: Given): Found | undefined {
  const { env: variable, default: fallback, flag: flagName } = SETTINGS[name]
  const flag = flags[name]
  if (flag !== undefined) return { text: flag, from: flagName ?? name }
  const fromEnv = env[variable]
  if (fromEnv) return { text: fromEnv, from: variable }
  const fromFile = file[name]
  if (fromFile) return { text: fromFile, from: `"${name}" in stead.config.json` }
  return fallback === undefined ? undefined : { text: fallback, from: name }
}

/** Values that a message must not repeat. */
const isSecret = (name: SettingName): boolean =>
  ['databaseUrl', 'regions', 'secret', 'previousSecrets'].includes(name)

function readFile(path: string): Record<string, string> {
  if (!existsSync(path)) return {}
  const content = parseJson(path)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw invalid('bad_setting', 'Cannot start: stead.config.json must hold one JSON object')
  }
  const unknown = Object.keys(content).find((key) => !Object.hasOwn(SETTINGS, key))
  if (unknown !== undefined) {
    const names = Object.keys(SETTINGS).join(', ')
    throw invalid(
      'bad_setting',
      `Cannot start: stead.config.json has no setting "${unknown}"; it knows ${names}`,
    )
  }
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [key, textOf(key, value)]),
  )
}

/** A list is written as one, or with commas as in the environment. */
function textOf(key: string, value: unknown): string {
  const all: unknown[] = Array.isArray(value) ? value : [value]
  if (all.every((one) => ['string', 'number', 'boolean'].includes(typeof one))) return all.join(',')
  throw invalid(
    'bad_setting',
    `Cannot start: "${key}" in stead.config.json must be a text, a number or a list of texts`,
  )
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const problem = code === undefined ? 'is not valid JSON' : `cannot be read (${code})`
    const hint = 'Mend it, or move it away: every setting has an environment variable, too'
    throw invalid('bad_setting', `Cannot start: stead.config.json ${problem}`, { cause, hint })
  }
}
