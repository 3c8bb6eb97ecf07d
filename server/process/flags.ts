/** The flags of a start. */
import { parseArgs } from 'node:util'
import { invalid } from '#core/errors'
import { SETTINGS, type SettingName } from '../settings.ts'

const FLAGS = (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => {
  const { flag } = SETTINGS[name]
  return flag === undefined ? [] : [{ name, flag: flag.slice(2) }]
})

/** @throws `invalid` bad_flag: a sentence that lists what may be typed */
export function parseFlags(args: readonly string[]): Partial<Record<SettingName, string>> {
  const options = Object.fromEntries(FLAGS.map(({ flag }) => [flag, { type: 'string' as const }]))
  try {
    const { values } = parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: false,
    })
    return Object.fromEntries(
      FLAGS.flatMap(({ name, flag }) => {
        const value = values[flag]
        return value === undefined ? [] : [[name, value]]
      }),
    )
  } catch (cause) {
    const known = FLAGS.map(({ flag }) => `--${flag}`).join(', ')
    throw invalid(
      'bad_flag',
      `Cannot start: ${reason(cause)} (stead start takes ${known}, each with a value)`,
      {
        cause,
      },
    )
  }
}

/** The first sentence of what Node says, without its advice about positionals. */
const reason = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).split(/\. |\n/)[0] ?? ''
