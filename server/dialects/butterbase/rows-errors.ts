/** What Butterbase says when rows cannot be read or written. */
import { AppError, type ErrorExtras } from '#core/errors'
import { type SqlFacts, sqlFacts } from '#domains/data'

/** Codes of rows; merged into the dialect's table of answers. */
export const ROW_ANSWERS = {
  row_table_not_found: [404, 'VALIDATION_TABLE_NOT_FOUND'],
  row_not_found: [404, 'RESOURCE_NOT_FOUND'],
  invalid_filters: [400, 'VALIDATION_INVALID_SCHEMA'],
  filters_required: [400, 'VALIDATION_INVALID_SCHEMA'],
  no_valid_columns: [400, 'VALIDATION_INVALID_SCHEMA'],
  bad_payload: [400, 'REQUEST_ERROR'],
  no_single_key: [400, 'VALIDATION_INVALID_SCHEMA'],
  invalid_id: [400, 'VALIDATION_INVALID_TYPE'],
  missing_user: [400, 'VALIDATION_MISSING_FIELD'],
  row_unique: [400, 'VALIDATION_UNIQUE_CONSTRAINT_VIOLATION'],
  row_foreign_key: [400, 'VALIDATION_FOREIGN_KEY_VIOLATION'],
  row_check: [400, 'VALIDATION_CHECK_CONSTRAINT_VIOLATION'],
  row_not_null: [400, 'VALIDATION_NOT_NULL_VIOLATION'],
  row_invalid_input: [400, 'VALIDATION_INVALID_INPUT'],
  row_policy: [403, 'AUTH_RLS_POLICY_VIOLATION'],
  row_requires_user: [403, 'AUTH_RLS_REQUIRES_USER_JWT'],
  row_statement_failed: [500, 'INTERNAL_ERROR'],
} as const

const CONSTRAINTS: Record<string, readonly [code: keyof typeof ROW_ANSWERS, hint: string]> = {
  '23505': ['row_unique', 'Use another value, or update the row that has it.'],
  '23503': ['row_foreign_key', 'Refer to a row that exists, or remove what refers to this one.'],
  '23514': ['row_check', 'Send a value that the check of the table allows.'],
  '23502': ['row_not_null', 'Send a value for the column.'],
}

/** A database error in Butterbase's words; others are given back. */
export function rowError(thrown: unknown): unknown {
  if (!(thrown instanceof AppError)) return thrown
  if (thrown.code === 'not_single') return rowNotFound()
  const facts = sqlFacts(thrown)
  if (!facts) return thrown
  const dropped = facts.sqlstate === '42P01' && OF_ROWS.exec(facts.message)?.[1]
  if (dropped) return tableNotFound(dropped)
  const constraint = CONSTRAINTS[facts.sqlstate]
  if (constraint) return constraintError(facts, constraint)
  const { kind, code } = refusalOf(thrown, facts)
  if (code === 'row_statement_failed') return statementFailed(thrown, facts)
  const extras: ErrorExtras = { details: pgDetails(facts), cause: thrown, hint: thrown.hint }
  if (code === 'row_requires_user') extras.hint = 'Sign in and send the token of a user of the app.'
  if (code === 'row_policy') extras.hint = NO_GRANT.test(facts.message) ? GRANT_HINT : POLICY_HINT
  if (facts.sqlstate === CIRCLE) extras.hint = CIRCLE_HINT
  return new AppError({ kind, code, message: thrown.message }, extras)
}

/** No policy is asked where the role may not touch the table at all: such tables were made by hand. */
const NO_GRANT = /^permission denied/

const GRANT_HINT =
  'The role of the caller has no right to it: the owner of the app grants one in SQL, such as "grant select on … to anon, authenticated".'

const POLICY_HINT = 'Ask as a user whom the policies of the table let do this.'

/** Nothing is wrong with the request: the table cannot be read at all. */
const CIRCLE = '42P17'

const CIRCLE_HINT =
  'A policy of the table reads the table itself, or two read each other: the owner of the app has to change them.'

/** A table that went away in the middle: only our statements name it so. */
const OF_ROWS = /^relation "public\.(.+)" does not exist$/s

/** What PostgreSQL says of its own faults may name its files: that is for the log. */
function statementFailed(thrown: AppError, facts: SqlFacts): AppError {
  const isTimeout = facts.sqlstate === CANCELED
  const message = isTimeout ? thrown.message : 'The database could not run the statement'
  return new AppError(
    { kind: 'internal', code: 'row_statement_failed', message },
    {
      details: pgDetails(isTimeout ? facts : { ...facts, detail: null }),
      cause: thrown,
      ...(isTimeout ? { hint: TIMEOUT_HINT } : {}),
    },
  )
}

const CANCELED = '57014'

const TIMEOUT_HINT =
  'Ask for less at once, or let the owner add an index on what you filter and order by.'

export const tableNotFound = (table: string) =>
  new AppError(
    { kind: 'not_found', code: 'row_table_not_found', message: `Table "${table}" not found` },
    { hint: 'Look at GET /v1/{app_id}/schema for the tables of the app.' },
  )

export const rowNotFound = () =>
  new AppError(
    { kind: 'not_found', code: 'row_not_found', message: 'Not found' },
    { hint: 'Check the id; rows that the policies hide are as if they did not exist.' },
  )

function constraintError(facts: SqlFacts, [code, hint]: readonly [string, string]): AppError {
  const { message, detail, column, table } = facts
  const details = {
    constraint_details: detail ?? message,
    ...(column === null ? {} : { column }),
    ...(table === null ? {} : { table }),
  }
  return new AppError({ kind: 'invalid', code, message }, { details, hint })
}

const pgDetails = ({ sqlstate, detail }: SqlFacts) => ({ pg_code: sqlstate, pg_detail: detail })

const COLLISIONS = new Set(['40001', '40P01'])

function refusalOf({ kind }: AppError, { sqlstate, message }: SqlFacts) {
  if (message.includes('current_user_id')) {
    return { kind: 'forbidden', code: 'row_requires_user' } as const
  }
  if (sqlstate === '42501') return { kind: 'forbidden', code: 'row_policy' } as const
  if (sqlstate === CANCELED || kind === 'internal') {
    return { kind: 'internal', code: 'row_statement_failed' } as const
  }
  // Still in each other's way after some tries: nothing is wrong with the request.
  if (COLLISIONS.has(sqlstate))
    return { kind: 'unavailable', code: 'database_unavailable' } as const
  if (kind === 'unavailable') return { kind, code: 'database_unavailable' } as const
  return { kind: 'invalid', code: 'row_invalid_input' } as const
}
