/** The flags of a start. */
import { parseArgs } from 'node:util'
import { invalid } from '#core/errors'
import { SETTINGS, type SettingName } from '../settings.ts'

type Flags = Partial<Record<SettingName, string>>

const FLAGS = (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => {
  const { flag } = SETTINGS[name]
  return flag === undefined ? [] : [{ name, flag: flag.slice(2) }]
})

const KNOWN = FLAGS.map(({ flag }) => `--${flag}`).join(', ')

/** @throws `invalid` bad_flag: a sentence that says what to type instead */
export function parseFlags(args: readonly string[]): Flags | 'help' {
  if (args.includes('--help') || args.includes('-h')) return 'help'
  const options = Object.fromEntries(FLAGS.map(({ flag }) => [flag, { type: 'string' as const }]))
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  const flags: Flags = {}
  for (const token of tokens) {
    if (token.kind === 'positional') throw badFlag(`"${token.value}" is not a flag`, token.value)
    if (token.kind !== 'option') continue
    const known = FLAGS.find(({ flag }) => flag === token.name)
    if (!known) throw badFlag(`there is no flag ${token.rawName}`, token.name)
    if (!token.value || (!token.inlineValue && token.value.startsWith('--'))) {
      throw badFlag(
        `${token.rawName} needs a value, such as ${token.rawName} ${example(known.name)}`,
      )
    }
    flags[known.name] = token.value
  }
  return flags
}

/** What `stead start --help` prints. */
export function usage(): string {
  const rows = FLAGS.map(({ name, flag }) => {
    const { about, env, default: fallback } = SETTINGS[name]
    const values = `(default ${fallback}; or ${env})`
    return `  --${flag.padEnd(12)}${about.replaceAll('`', '')} ${values}`
  })
  return [
    'Usage: stead start [--port N] [--data-dir FOLDER] [--host ADDRESS]',
    '',
    ...rows,
    '',
    'Every other setting is an environment variable or a line of stead.config.json: docs/configuration.md',
    '',
  ].join('\n')
}

function badFlag(problem: string, typed?: string) {
  const meant = typed === undefined ? undefined : likely(typed)
  const advice = meant
    ? `Did you mean --${meant}?`
    : `stead start takes ${KNOWN}, each with a value`
  return invalid('bad_flag', `Cannot start: ${problem}. ${advice}`)
}

const example = (name: SettingName): string => SETTINGS[name].default ?? 'VALUE'

/** The flag with the same letters, or the same beginning or end, as what was typed. */
function likely(typed: string): string | undefined {
  const word = typed.replaceAll('-', '').toLowerCase()
  return FLAGS.map(({ flag }) => flag).find((flag) => {
    const name = flag.replaceAll('-', '')
    return (
      letters(name) === letters(word) ||
      name.startsWith(word.slice(0, 3)) ||
      name.endsWith(word.slice(-3))
    )
  })
}

const letters = (word: string): string => word.split('').toSorted().join('')
