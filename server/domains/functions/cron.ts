/** Whether a cron schedule can be understood: five fields with lists, ranges, steps and names. */
import { invalidFunction } from './invalid-function.ts'

type Field = { name: string; min: number; max: number; names?: readonly string[] }

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const DAYS = 'sun mon tue wed thu fri sat'.split(' ')

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 7, names: DAYS },
]

/** A trigger without a schedule is accepted and never fires. @throws `invalid` invalid_function */
export function assertSchedule({ schedule, timezone }: Record<string, unknown>): void {
  if (schedule !== undefined && (typeof schedule !== 'string' || !isSchedule(schedule))) {
    throw invalidFunction(`triggers: cannot read the cron schedule ${JSON.stringify(schedule)}`)
  }
  if (timezone !== undefined && (typeof timezone !== 'string' || !isTimezone(timezone))) {
    throw invalidFunction(`triggers: unknown time zone ${JSON.stringify(timezone)}`)
  }
}

const MAX_SCHEDULE = 256

/** `minute hour day-of-month month day-of-week`. */
export function isSchedule(text: string): boolean {
  if (text.length > MAX_SCHEDULE) return false
  const parts = text.trim().split(/\s+/)
  if (parts.length !== FIELDS.length) return false
  return FIELDS.every((field, at) =>
    (parts[at] ?? '').split(',').every((item) => isItem(item, field)),
  )
}

/** `*`, `a` or `a-b`, each with an optional step. */
function isItem(item: string, field: Field): boolean {
  const [range = '', step, ...more] = item.split('/')
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,2}$/.test(step))) return false
  if (range === '*') return true
  const [from, to, ...rest] = range.split('-').map((text) => valueOf(text, field))
  if (rest.length > 0 || from === undefined || Number.isNaN(from)) return false
  return to === undefined ? true : from <= to
}

function valueOf(text: string, { min, max, names }: Field): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return named + (min === 1 ? 1 : 0)
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : Number.NaN
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
