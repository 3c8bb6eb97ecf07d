/** PostgreSQL's text format to JavaScript values and back. */
import type { WireRows } from './protocol.ts'
import { fromJson, toJson } from './wire.ts'

type Parse = (text: string) => unknown

/** Array types and the type of their elements. */
const ELEMENT: Record<number, number> = {
  1000: 16,
  1001: 17,
  1005: 21,
  1007: 23,
  1009: 25,
  1014: 1042,
  1015: 1043,
  1016: 20,
  1021: 700,
  1022: 701,
  1028: 26,
  1115: 1114,
  1182: 1082,
  1183: 1083,
  1185: 1184,
  1231: 1700,
  199: 114,
  2951: 2950,
  3807: 3802,
}

/** What is not here stays text: numeric keeps its digits, a date keeps its day. */
const PARSE: Record<number, Parse> = {
  16: (text) => text === 't',
  17: parseBytes,
  20: Number,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  114: fromJson,
  3802: fromJson,
  1114: (text) => parseTime(`${text}Z`),
  1184: parseTime,
}

/** Rows as objects; of two columns with one name the later wins, as in every driver. */
export function toRows({ columns, rows }: WireRows): Record<string, unknown>[] {
  const parsers = columns.map(({ oid }) => parserOf(oid))
  return rows.map((row) => {
    const object: Record<string, unknown> = {}
    for (let i = 0; i < columns.length; i++) {
      const text = row[i]
      const value = text === null || text === undefined ? null : (parsers[i] as Parse)(text)
      setOwn(object, (columns[i] as { name: string }).name, value)
    }
    return object
  })
}

/** A column may be called `__proto__`. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

function parserOf(oid: number): Parse {
  const element = ELEMENT[oid]
  if (element === undefined) return PARSE[oid] ?? String
  const parse = PARSE[element] ?? String
  return (text) => parseArray(text, parse)
}

function parseBytes(text: string): Uint8Array {
  return Uint8Array.from(text.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

/** `2026-01-31 09:00:00.123+00` → Date; the infinities are numbers, as no Date can hold them. */
function parseTime(text: string): Date | number {
  if (text.startsWith('infinity')) return Infinity
  if (text.startsWith('-infinity')) return -Infinity
  const match =
    /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-][\d:]+)?( BC)?Z?$/.exec(text)
  if (!match) return new Date(Number.NaN)
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z', bc] = match
  const time = new Date(0)
  time.setUTCFullYear(bc ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day))
  time.setUTCHours(
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.padEnd(3, '0').slice(0, 3)),
  )
  return new Date(time.getTime() - zoneMs(zone))
}

function zoneMs(zone: string): number {
  if (zone === 'Z') return 0
  const [hours = 0, minutes = 0, seconds = 0] = zone.slice(1).split(':').map(Number)
  return (zone.startsWith('-') ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds)
}

/** `{a,"b \"c\"",NULL,{…}}`, with an optional `[2:4]=` before it. */
function parseArray(text: string, parse: Parse): unknown[] {
  const stack: unknown[][] = [[]]
  const token = /\{|\}|,|"((?:[^"\\]|\\.)*)"|([^{},"]+)/gy
  token.lastIndex = text.indexOf('{')
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [whole, quoted, bare] = match
    const top = stack.at(-1) as unknown[]
    if (whole === '{') stack.push([])
    else if (whole === '}') stack.at(-2)?.push(stack.pop())
    else if (quoted !== undefined) top.push(parse(quoted.replace(/\\(.)/g, '$1')))
    else if (bare !== undefined) top.push(bare === 'NULL' ? null : parse(bare))
  }
  return stack[0]?.[0] as unknown[]
}

/** A parameter in text format. Objects travel as JSON, arrays as PostgreSQL arrays. */
export function toParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value !== 'object') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof ArrayBuffer) return hex(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) {
    return hex(new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength))
  }
  return Array.isArray(value) ? toArrayText(value) : toJson(value)
}

const hex = (bytes: Uint8Array): string =>
  `\\x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`

function toArrayText(values: unknown[]): string {
  const items = values.map((value) => {
    if (Array.isArray(value)) return toArrayText(value)
    const text = toParameter(value)
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}
