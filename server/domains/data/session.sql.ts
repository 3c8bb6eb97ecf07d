/** The first statement of every batch: who asks, how long it may take, whether it may write. */
import type { BatchStatement } from '#db/batch'
import type { Identity } from '#db/identity'
import { quoteIdent } from '#db/sql'

export type SessionOptions = {
  readOnly: boolean
  /** Milliseconds per statement; 0 = no limit of our own. */
  timeoutMs: number
  /** Where unqualified names are looked for, after PostgreSQL's own. */
  schema: string
  /** Schemas after that one; default public. */
  extraSearchPath?: readonly string[] | undefined
  /** What the role has set for itself. */
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
  for (const [own, value] of options.own ?? []) {
    const at = extra + more.push(own, value)
    settings.push(`set_config($${at - 1}, $${at}, true)`)
  }
  return {
    name: `${name}_data_${settings.length}${options.timeoutMs > 0 ? 't' : ''}${options.own?.length ?? ''}`,
    text: `${text}, ${settings.join(', ')}`,
    values: [...values, ...more],
    repeated: true,
  }
}
