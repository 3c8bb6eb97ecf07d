/**
 * Every measurement, one table. `npm run bench` keeps it; `npm run bench -- process` shows one suite, and
 * `npm run bench -- data --only list` some of its rows.
 */
import { inspect, parseArgs } from 'node:util'
import { benchData } from './data.ts'
import { benchFunctions } from './functions.ts'
import { benchGraphql } from './graphql.ts'
import { benchLarge } from './large.ts'
import { benchPeers } from './peers.ts'
import { benchProcess } from './process.ts'
import { report, type Row } from './report.ts'
import { benchScale } from './scale.ts'

const SUITES: Record<string, (only?: string) => Promise<Row[]>> = {
  process: benchProcess,
  data: benchData,
  graphql: benchGraphql,
  large: benchLarge,
  scale: benchScale,
  functions: benchFunctions,
  peers: benchPeers,
}

const { positionals: wanted, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' } },
})
const unknown = wanted.find((name) => !Object.hasOwn(SUITES, name))
if (unknown !== undefined) {
  process.stderr.write(`Unknown suite "${unknown}": use ${Object.keys(SUITES).join(', ')}\n`)
  process.exit(2)
}

const rows: Row[] = []
for (const [name, suite] of Object.entries(SUITES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  process.stderr.write(`measuring ${name} …\n`)
  try {
    rows.push(...(await suite(values.only)))
  } catch (error) {
    // What the others measure is worth its time all the same.
    process.exitCode = 1
    process.stderr.write(`${name} failed: ${inspect(error)}\n`)
  }
}
const isWhole = wanted.length === 0 && values.only === undefined && process.exitCode !== 1
report(rows, isWhole)
