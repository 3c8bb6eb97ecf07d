/** The first statement of a batch: who asks, how long it may take, whether it may write. */
import type { BatchStatement } from '#db/batch'
import type { Identity } from '#db/identity'
import { quoteIdent } from '#db/sql'
import type { Isolation } from './catalog.ts'

export type SessionOptions = {
  readOnly: boolean
  /** Milliseconds per statement; 0 = no limit of our own. */
  timeoutMs: number
  /** Where unqualified names are looked for, after PostgreSQL's own. */
  schema: string
  /** Schemas after that one; default public. */
  extraSearchPath?: readonly string[] | undefined
  /** What the role and the function have set for themselves; they are set before the role is taken. */
  own?: readonly (readonly [name: string, value: string])[] | undefined
}

const memo = new WeakMap<Identity, Map<string, BatchStatement>>()

/** The statement is made once per identity and options, so that its bytes can be kept too. */
export function sessionStatement(identity: Identity, options: SessionOptions): BatchStatement {
  let made = memo.get(identity)
  if (!made) {
    made = new Map()
    memo.set(identity, made)
  }
  const { readOnly, timeoutMs, own } = options
  const key = `${readOnly ? 'r' : 'w'}${timeoutMs} ${pathKey(options)}${own?.length ? JSON.stringify(own) : ''}`
  let statement = made.get(key)
  if (!statement) {
    statement = makeStatement(identity, options)
    made.set(key, statement)
  }
  return statement
}

const PUBLIC: readonly string[] = ['public']

const pathKey = ({ schema, extraSearchPath = PUBLIC }: SessionOptions): string =>
  extraSearchPath.length === 1 && extraSearchPath[0] === schema
    ? schema
    : [schema, ...extraSearchPath].join('\0')

function makeStatement(identity: Identity, options: SessionOptions): BatchStatement {
  const { name = '', text, values } = identity.statement
  const extra = values.length
  const settings = [`set_config('transaction_read_only', $${extra + 1}, true)`]
  const more: string[] = [options.readOnly ? 'on' : 'off']
  if (options.timeoutMs > 0) {
    settings.push(`set_config('statement_timeout', $${extra + 2}, true)`)
    more.push(String(options.timeoutMs))
  }
  const path = pathKey(options)
  if (path !== 'public') {
    settings.push(`set_config('search_path', $${extra + more.length + 1}, true)`)
    more.push(path.split('\0').map(quoteIdent).join(', '))
  }
  const own = (options.own ?? []).map((pair) => {
    const at = extra + more.push(...pair)
    return `set_config($${at - 1}, $${at}, true), `
  })
  return {
    name: `${name}_data_${settings.length}${options.timeoutMs > 0 ? 't' : ''}${own.length || ''}`,
    text: `${text.replace(/^select /, () => `select ${own.join('')}`)}, ${settings.join(', ')}`,
    values: [...values, ...more],
    repeated: true,
  }
}

const LEVELS = new Map<string, BatchStatement>()

/** Before the first statement that reads anything: PostgreSQL takes the level of a transaction only then. */
export function isolationStatement(level: Isolation | 'read committed'): BatchStatement {
  let statement = LEVELS.get(level)
  if (!statement) {
    const name = `stead_${level.replace(' ', '_')}`
    statement = { name, text: `set transaction_isolation = '${level}'`, values: [], repeated: true }
    LEVELS.set(level, statement)
  }
  return statement
}
