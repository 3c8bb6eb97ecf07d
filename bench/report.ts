/** The one table of a bench run. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One measurement. Ratios are ours over a ceiling measured in the same run. */
export type Row = {
  name: string
  ours?: number
  ceiling?: number
  ratio?: number
  unit?: string
  p50?: number
  p95?: number
  p99?: number
  /** How much longer the slowest hundredth takes than the median: p99 over p50. */
  tail?: number
  /** What the measurement must reach, such as `ratio >= 0.45`. */
  bar?: string
  met?: boolean
}

const COLUMNS = [
  'name',
  'ours',
  'ceiling',
  'ratio',
  'unit',
  'p50',
  'p95',
  'p99',
  'tail',
  'bar',
  'met',
] as const

const RESULTS = fileURLToPath(new URL('results/', import.meta.url))

/** The machine, so that a number can be challenged later. */
const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}`

function cell(value: Row[keyof Row]): string {
  if (value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'yes' : 'NO'
  if (typeof value === 'string') return value
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value < 1 ? 3 : 2)
}

/** Markdown that reads well in a terminal too. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [[...COLUMNS], ...rows.map((row) => COLUMNS.map((column) => cell(row[column])))]
  const widths = COLUMNS.map((_, at) => Math.max(3, ...lines.map((line) => line[at]?.length ?? 0)))
  const shown = lines.map(
    (line) => `| ${line.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  )
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [shown[0], rule, ...shown.slice(1)].join('\n')
}

/** Prints the table; a whole run is kept under bench/results/, named by day. */
export function report(rows: readonly Row[], whole: boolean): void {
  const day = new Date().toISOString().slice(0, 10)
  const text = `# Bench of ${day}\n\n${machine()}\n\n${tableOf(rows)}\n`
  process.stdout.write(`\n${text}`)
  if (!whole) return
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}${day}.md`, text)
}

/** The longest tail that a row may have. */
export const WIDEST_TAIL = 5

export const tailOf = ({ p50, p99 }: { p50: number; p99: number }): number => p99 / p50

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The value below which the share `q` of the sorted samples lies. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
