/**
 * The guard before SQL expressions that callers write (defaults, policies). What passes is one
 * expression that stays inside the parentheses we put around it. The rest is PostgreSQL's to judge,
 * under a role that owns nothing but the app.
 */

/** `unsafe` wants to be more than an expression; `malformed` ends too early. */
export type ExpressionProblem = { kind: 'unsafe' | 'malformed'; message: string }

/** Characters at most. */
export const MAX_EXPRESSION = 10_000

/** Functions that reach files, other servers, other sessions or the caller's own identity. */
const BLOCKED =
  /^(set_config|pg_read_.*|pg_write_.*|pg_ls_.*|pg_stat_file|lo_.*|dblink.*|pg_execute_server_program|pg_reload_conf|pg_rotate_logfile|pg_terminate_backend|pg_cancel_backend|pg_sleep.*|pg_advisory_.*|pg_try_advisory_.*|pg_logical_.*|pg_replication_.*|pg_create_.*|pg_drop_.*|query_to_xml.*|table_to_xml.*|cursor_to_xml.*|schema_to_xml.*|database_to_xml.*|pg_notify|ts_stat|ts_rewrite|pg_file_.*|pg_switch_wal|pg_promote)$/

type Token = { kind: 'name' | 'literal' | 'open' | 'close' | 'other'; text: string }

/** One alternative per kind of token; each begins where the one before ended. */
const TOKEN =
  /\s+|(?<comment>--|\/\*)|(?<unicode>[uU]&['"])|(?<escaped>[eE]'(?:[^'\\]|\\[\s\S]|'')*')|(?<unclosed>[eE]')|(?<string>(?:[bBxXnN])?'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")+")|(?<dollar>\$)|(?<word>[a-zA-Z_\u0080-\uffff][a-zA-Z0-9_\u0080-\uffff]*)|(?<number>[0-9][0-9a-zA-Z_.]*)|(?<open>[([])|(?<close>[)\]])|(?<end>;)|(?<stray>['"\\])|(?<other>[^\s])/gy

const unsafe = (message: string): ExpressionProblem => ({ kind: 'unsafe', message })

/** What PostgreSQL must not even see. */
const REFUSED: Record<string, ExpressionProblem> = {
  comment: unsafe('an expression cannot hold a comment'),
  unicode: unsafe('an expression cannot hold U& text'),
  dollar: unsafe('an expression cannot hold $: quote text with single quotes'),
  end: unsafe('an expression cannot hold a semicolon'),
  unclosed: { kind: 'malformed', message: 'a quote is not closed' },
  stray: { kind: 'malformed', message: 'a quote is not closed, or a backslash stands alone' },
}

/** @returns undefined for an expression that may be sent to PostgreSQL inside parentheses */
export function problemWith(expression: string): ExpressionProblem | undefined {
  if (expression.trim() === '') return { kind: 'malformed', message: 'an expression is empty' }
  if (expression.includes('\0')) return unsafe('an expression cannot hold a zero character')
  if (expression.length > MAX_EXPRESSION) {
    return unsafe(`an expression is longer than ${MAX_EXPRESSION} characters`)
  }
  const tokens: Token[] = []
  for (const match of expression.matchAll(TOKEN)) {
    const token = tokenOf(match)
    if (token && 'message' in token) return token
    if (token) tokens.push(token)
  }
  return continued(tokens) ?? unbalanced(tokens) ?? blockedCall(tokens)
}

function tokenOf({ 0: text, groups = {} }: RegExpExecArray): Token | ExpressionProblem | undefined {
  const group = Object.keys(groups).find((name) => groups[name] !== undefined)
  if (group === undefined) return undefined
  if (Object.hasOwn(REFUSED, group)) return REFUSED[group]
  switch (group) {
    case 'word':
      return { kind: 'name', text: text.toLowerCase() }
    case 'quoted':
      return { kind: 'name', text: text.slice(1, -1).replaceAll('""', '"') }
    case 'open':
    case 'close':
      return { kind: group, text }
    case 'escaped':
    case 'string':
      return { kind: 'literal', text }
    default:
      return { kind: 'other', text }
  }
}

/** PostgreSQL joins literals on two lines and reads the second one by the rules of the first. */
function continued(tokens: readonly Token[]): ExpressionProblem | undefined {
  const found = tokens.some(
    ({ kind }, at) => kind === 'literal' && tokens[at + 1]?.kind === 'literal',
  )
  return found ? unsafe('a literal cannot follow another one: join them with ||') : undefined
}

const PARTNER: Record<string, string> = { ')': '(', ']': '[' }

function unbalanced(tokens: readonly Token[]): ExpressionProblem | undefined {
  const open: string[] = []
  for (const { kind, text } of tokens) {
    if (kind === 'open') open.push(text)
    if (kind === 'close' && open.pop() !== PARTNER[text]) {
      return unsafe(`"${text}" closes what the expression did not open`)
    }
  }
  const left = open.at(-1)
  return left === undefined
    ? undefined
    : { kind: 'malformed', message: `"${left}" is never closed` }
}

function blockedCall(tokens: readonly Token[]): ExpressionProblem | undefined {
  const call = tokens.find(
    ({ kind, text }, at) =>
      kind === 'name' && tokens[at + 1]?.text === '(' && BLOCKED.test(text.toLowerCase()),
  )
  return call && unsafe(`the function ${call.text} cannot be used here`)
}
