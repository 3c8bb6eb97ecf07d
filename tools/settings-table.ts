/** Writes the table of docs/configuration.md from server/settings.ts: `node tools/settings-table.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SETTINGS } from '../server/settings.ts'

const DOCUMENT = fileURLToPath(new URL('../docs/configuration.md', import.meta.url))

const TABLE = /\| setting \|[^]*?\n(?!\|)/

/** One row per setting, in the order of the code. */
export function settingsTable(): string {
  const rows = Object.entries(SETTINGS).map(([name, { env, flag, default: fallback, about }]) => {
    const names = flag === undefined ? `\`${env}\`` : `\`${env}\`, \`${flag}\``
    return `| \`${name}\` | ${names} | ${fallback === undefined ? '–' : `\`${fallback}\``} | ${about} |`
  })
  return [
    '| setting | variable, flag | default | what it does |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** The document with the table as the code has it. */
export const withTable = (document: string): string =>
  document.replace(TABLE, () => settingsTable())

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8')))
}
