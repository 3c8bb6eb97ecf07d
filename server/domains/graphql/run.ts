/** Answers GraphQL requests: text to statement once, then one lookup and one round trip. */
import { GraphQLError, type GraphQLFormattedError, OperationTypeNode } from 'graphql'
import { AppError, methodNotAllowed } from '#core/errors'
import type { BatchOptions, BatchStatement } from '#db/batch'
import { fromDatabase, sqlstateOf } from '#db/sqlstate'
import { bindAll, type Catalog, type DataContext, preambleOf, retried } from '#domains/data'
import { type Built, builtFor, introspected, preparedFor, wholeSchema } from './built.ts'
import { type CompiledOperation, compileOperation, type Part } from './compile-operation.ts'
import type { PreparedOperation } from './document.ts'
import { type Given, readVariables, shapeOf } from './inputs.ts'
import { limitExceeded } from './limits.ts'
import { SCHEMA } from './model.ts'
import type { GraphqlSettings } from './settings.ts'
import type { Verb } from './changes.ts'

export type GraphqlContext = DataContext & {
  settings: GraphqlSettings
  /** Pages may reach as far as the table does. */
  unbounded: boolean
}

export type GraphqlRequest = {
  query: string
  variables: Readonly<Record<string, unknown>>
  operationName: string | undefined
  /** Mutations are refused. */
  readOnly: boolean
  /** Throws when the caller may not do what the operation is; asked before it runs. */
  admit?: ((kind: 'query' | 'mutation') => void) | undefined
}

export type GraphqlAnswer =
  /** `data` as JSON: the text, or its bytes in pieces when it tells of the schema. */
  | { kind: 'done'; data: string | readonly Uint8Array[] }
  /** Nothing ran. */
  | { kind: 'refused'; errors: readonly GraphQLFormattedError[] }
  /** The database refused all of it, or some fields of a mutation; what it refused left nothing behind. */
  | { kind: 'failed'; failures: readonly Failure[]; data: string; partial?: true }

export type Failure = {
  error: AppError
  verb: Verb | 'query'
  /** The root field, where one alone is concerned. */
  path: string | undefined
}

/** @throws AppError: graphql_syntax, graphql_limit, graphql_mutation_by_get, and when there is no database */
export async function answerGraphql(
  ctx: GraphqlContext,
  request: GraphqlRequest,
): Promise<GraphqlAnswer> {
  const at = ctx.catalogs.get(ctx.appId, ctx.platform)
  if (at instanceof Promise) ctx.database.warm()
  const catalog = at instanceof Promise ? await at : at
  const found = builtFor(ctx, catalog)
  const built = found instanceof Promise ? await found.catch(rethrow) : found
  const answer = await attempt(ctx, built, request)
  if (!mayBeStale(answer)) return answer
  const newer = await ctx.catalogs.newer(ctx.appId, ctx.platform, built.catalog)
  return newer ? attempt(ctx, await exactly(ctx, newer), request) : answer
}

/** The schema as an introspection query would give it, as JSON in pieces. */
export async function introspect(ctx: GraphqlContext): Promise<readonly Uint8Array[]> {
  const catalog = await ctx.catalogs.get(ctx.appId, ctx.platform)
  const fresh = (await ctx.catalogs.newer(ctx.appId, ctx.platform, catalog)) ?? catalog
  const built = await exactly(ctx, fresh)
  const { list } = await wholeSchema(built)
  return [Buffer.from('{"__schema":'), ...list, Buffer.from('}')]
}

const exactly = async (ctx: GraphqlContext, catalog: Catalog): Promise<Built> =>
  Promise.resolve(builtFor(ctx, catalog, true)).catch(rethrow)

/** Class 22: a value that a column of another type would have taken. */
const STALE_STATES = /^(22...|42P01|42703|42883|42704|42804|42501|0A000)$/

/** Before saying that something is absent, make sure that the catalog at hand is the present one. */
function mayBeStale(answer: GraphqlAnswer): boolean {
  if (answer.kind === 'refused') return true
  // Of several fields some may have been written: to try again would write them twice.
  if (answer.kind !== 'failed' || answer.failures.length !== 1 || answer.partial) return false
  return answer.failures.some(({ error }) => STALE_STATES.test(sqlstateOf(error.cause) ?? ''))
}

async function attempt(
  ctx: GraphqlContext,
  built: Built,
  request: GraphqlRequest,
): Promise<GraphqlAnswer> {
  const prepared = preparedFor(built, request.query, ctx.settings)
  if (prepared.errors) return refused(prepared.errors)
  const operation = chosen(prepared.operations, request.operationName)
  if (operation instanceof GraphQLError) return refused([operation])
  const isMutation = operation.node.operation === OperationTypeNode.MUTATION
  if (request.readOnly && isMutation) {
    throw methodNotAllowed('graphql_mutation_by_get', 'Mutations need POST')
  }
  request.admit?.(isMutation ? 'mutation' : 'query')
  const inputs = withIds(request.variables, operation.ids)
  try {
    const variables = variablesIn(ctx, built, { operation, inputs })
    if ('errors' in variables) return refused(variables.errors)
    const given = { variables, unbounded: ctx.unbounded }
    return await execute(ctx, { built, operation, given })
  } catch (error) {
    return refusal(error)
  }
}

/** What is wrong with the arguments is part of the answer. */
function refusal(error: unknown): GraphqlAnswer {
  if (error instanceof GraphQLError) return refused([error])
  if (error instanceof AppError && error.code === 'graphql_argument') {
    return refused([new GraphQLError(error.message)])
  }
  throw error
}

const NO_DEFINITIONS = [] as const

const variablesIn = (
  { settings }: GraphqlContext,
  { schema }: Built,
  { operation, inputs }: Pick<Running, 'operation'> & { inputs: GraphqlRequest['variables'] },
) =>
  readVariables(
    {
      schema,
      definitions: operation.node.variableDefinitions ?? NO_DEFINITIONS,
      variables: operation.variables,
      hideSuggestions: !settings.introspection,
    },
    inputs,
  )

function rethrow(error: unknown): never {
  throw fromDatabase(error)
}

const refused = (errors: readonly GraphQLError[]): GraphqlAnswer => ({
  kind: 'refused',
  errors: errors.map((error) => error.toJSON()),
})

function chosen(
  operations: ReadonlyMap<string, PreparedOperation>,
  name: string | undefined,
): PreparedOperation | GraphQLError {
  if (name !== undefined && name !== '') {
    return operations.get(name) ?? new GraphQLError(`Unknown operation named "${name}".`)
  }
  const [first, second] = operations.values()
  if (!first) return new GraphQLError('Must provide an operation.')
  return second
    ? new GraphQLError('Must provide operation name if query contains multiple operations.')
    : first
}

/** What was declared as `ID` may come as text or number, whatever the key is. */
function withIds(
  variables: GraphqlRequest['variables'],
  ids: ReadonlyMap<string, string>,
): GraphqlRequest['variables'] {
  if (ids.size === 0) return variables
  const given = { ...variables }
  for (const [name, scalar] of ids) {
    const value = given[name]
    if (scalar === 'Int' && typeof value === 'string' && /^-?\d{1,10}$/.test(value)) {
      given[name] = Number(value)
    } else if (scalar !== 'Int' && typeof value === 'number') given[name] = String(value)
  }
  return given
}

type Running = {
  built: Built
  operation: PreparedOperation
  given: Given
}

async function execute(ctx: GraphqlContext, running: Running): Promise<GraphqlAnswer> {
  const compiled = compiledFor(running)
  checkCost(ctx, compiled, running)
  const values = compiled.readers.map((read) => read(running.given))
  if (compiled.statements.length === 0) return done(compiled, [], running)
  const { catalog } = running.built
  const { before, own } = statementsOf(ctx, catalog, { compiled, values })
  if (!compiled.readOnly && own.length > 1) return executeEach(ctx, compiled, { before, own })
  try {
    const shared = { pace: compiled.pace, joins: catalog.sharesTransactions }
    return done(compiled, [await rowOf(ctx, [...before, ...own], shared)], running)
  } catch (error) {
    const failures = [failureOf(compiled, error, { at: 0, mayThrow: true })]
    return { kind: 'failed', failures, data: dataOf(compiled, constantsOnly) }
  }
}

/** The last of the statements has one row. */
async function rowOf(
  ctx: GraphqlContext,
  statements: BatchStatement[],
  shared: Pick<BatchOptions, 'pace' | 'joins'> = {},
): Promise<ResultRow> {
  const send = () => ctx.database.batch(statements, { isAbandoned: ctx.isAbandoned, ...shared })
  const results = await send().catch((error: unknown) => retried(error, send))
  return results.at(-1)?.rows[0] ?? []
}

/** The fields of a mutation one after the other, each a transaction: what fails takes nothing else with it. */
async function executeEach(
  ctx: GraphqlContext,
  compiled: CompiledOperation,
  { before, own }: Statements,
): Promise<GraphqlAnswer> {
  const rows: (ResultRow | undefined)[] = []
  const failures: Failure[] = []
  for (const [at, statement] of own.entries()) {
    try {
      rows.push(await rowOf(ctx, [...before, statement]))
    } catch (error) {
      const mayThrow = failures.length === at
      failures.push(failureOf(compiled, error, { at, mayThrow }))
      rows.push(undefined)
    }
  }
  const data = dataOf(compiled, (part) => valueOf(part, rows))
  return failures.length === 0
    ? { kind: 'done', data }
    : { kind: 'failed', failures, data, partial: true }
}

function compiledFor({ built, operation, given }: Running): CompiledOperation {
  const { fixed, variables } = operation
  const kept = operation.compiled.get(shapeOf(variables, given.variables, fixed))
  if (kept) return kept
  const { model, schema, catalog } = built
  const { fragments, node } = operation
  const { version } = catalog
  const compiled = compileOperation({ model, schema, fragments, given, version }, node)
  for (const name of compiled.fixed) fixed.add(name)
  if (compiled.keep) operation.compiled.set(shapeOf(variables, given.variables, fixed), compiled)
  return compiled
}

function checkCost(
  { settings }: GraphqlContext,
  { cost }: CompiledOperation,
  running: Running,
): void {
  const { maxComplexity, introspection } = settings
  if (maxComplexity === 0 || (running.operation.introspection && introspection)) return
  const total = cost.of(running.given)
  if (total <= maxComplexity) return
  throw limitExceeded(`query complexity ${total} exceeds maximum of ${maxComplexity}`)
}

/** What sets the stage, and what is asked for. */
type Statements = { before: BatchStatement[]; own: BatchStatement[] }

type Binding = { compiled: CompiledOperation; values: readonly string[] }

function statementsOf(
  ctx: GraphqlContext,
  catalog: Catalog,
  { compiled, values }: Binding,
): Statements {
  const { readOnly } = compiled
  const before = preambleOf(ctx, catalog, { readOnly, schema: SCHEMA })
  const own = compiled.statements.map(({ name, text, binds }) => ({
    name,
    text,
    values: bindAll(binds, values),
  }))
  return { before, own }
}

type ResultRow = readonly (string | null)[]

function dataOf({ parts }: CompiledOperation, valueOfPart: (part: Part) => string): string {
  let data = '{'
  for (const part of parts) {
    if (data.length > 1) data += ','
    data += `"${part.key}":${valueOfPart(part)}`
  }
  return `${data}}`
}

function done(
  compiled: CompiledOperation,
  rows: readonly ResultRow[],
  running: Running,
): GraphqlAnswer | Promise<GraphqlAnswer> {
  if (compiled.asksSchema) return doneWithSchema(compiled, rows, running)
  return { kind: 'done', data: dataOf(compiled, (part) => valueOf(part, rows)) }
}

async function doneWithSchema(
  { parts }: CompiledOperation,
  rows: readonly ResultRow[],
  running: Running,
): Promise<GraphqlAnswer> {
  const data: Uint8Array[] = []
  for (const [at, part] of parts.entries()) {
    const key = `${at === 0 ? '{' : ','}"${part.key}":`
    if (part.kind !== 'introspection') {
      data.push(Buffer.from(key + valueOf(part, rows)))
      continue
    }
    const { list } = await introspected(running, part.selected)
    data.push(Buffer.from(key), ...list)
  }
  data.push(Buffer.from('}'))
  return { kind: 'done', data }
}

function valueOf(part: Part, rows: readonly (ResultRow | undefined)[]): string {
  if (part.kind === 'constant') return part.json
  if (part.kind === 'introspection') return 'null'
  const text = rows[part.statement]?.[part.column] ?? 'null'
  if (part.form !== 'first' || text === 'null') return text
  return text === '[]' ? 'null' : text.slice(1, -1)
}

const constantsOnly = (part: Part): string => (part.kind === 'constant' ? part.json : 'null')

/** @throws AppError when the database cannot be reached and `mayThrow`: nothing was written before */
function failureOf(
  { doing }: CompiledOperation,
  cause: unknown,
  { at, mayThrow }: { at: number; mayThrow: boolean },
): Failure {
  const error = fromDatabase(cause)
  const isAnswer = error instanceof AppError && sqlstateOf(cause) !== undefined
  if (!isAnswer && mayThrow) throw error
  const { verb = 'query', keys = [] } = doing[at] ?? {}
  return {
    error: AppError.from(error),
    verb,
    path: keys.length === 1 ? keys[0] : undefined,
  }
}
