/** What a start shows when it is ready: everything needed for the next minute. */
import { existsSync, realpathSync } from 'node:fs'
import { styleText } from 'node:util'
import type { Running } from './run-file.ts'

const LABEL_WIDTH = 14

export function panel(running: Running, seconds: number): string {
  const { url } = running
  const facts: [string, string][] = [
    ['API', url],
    ['Console', running.console_url],
    ['Platform key', running.platform_key],
    ['Default app', running.app_id],
    ['Anon key', running.anon_key],
    ['Service key', running.service_key],
    ['Database', running.database_url],
    ['Data folder', running.data_dir],
  ]
  const where = folderFlag(running.data_dir)
  const next: [string, string][] = [
    ['Is it well?', `curl ${url}/health/ready`],
    ['Make an app', `npx stead init my-app${where}`],
    ['See all this again', `npx stead status${where}`],
  ]
  const width = Math.max(...next.map(([, command]) => command.length)) + 2
  return [
    '',
    `  ${bold(`Stead ${running.version}`)} is ready in ${seconds.toFixed(1)} s`,
    '',
    ...facts.map(([label, value]) => `  ${dim(label.padEnd(LABEL_WIDTH))}${value}`),
    '',
    `  ${bold('Try next')}`,
    ...next.map(([label, command]) => `  ${command.padEnd(width)}${dim(`# ${label}`)}`),
    '',
    `  ${dim('Keys are secrets, except the anon key. Ctrl-C stops everything.')}`,
    '',
  ].join('\n')
}

/** Commands find the usual folder by themselves. */
function folderFlag(dataDir: string): string {
  const usual = existsSync('.stead') && realpathSync('.stead') === dataDir
  return usual ? '' : ` --data-dir ${dataDir}`
}

const styled = (style: 'bold' | 'dim', text: string): string =>
  styleText(style, text, { stream: process.stdout })

const bold = (text: string): string => styled('bold', text)

const dim = (text: string): string => styled('dim', text)
