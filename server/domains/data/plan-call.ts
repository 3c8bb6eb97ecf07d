/** Resolves calls: which of several functions of one name is meant. */
import { type AppError, invalid, notFound } from '#core/errors'
import type { Catalog, Column, Relation, Routine, RoutineArgument } from './catalog.ts'
import { Likeness, NEARLY_WRITTEN } from './likeness.ts'
import type { CallPlan } from './plan.ts'
import { planRead, plannerOf } from './plan-read.ts'
import type { CallArguments, CallRequest } from './query.ts'
import { isScalar, isSingleUnnamed, SCALAR } from './routines.ts'

export type RoutineFacts = {
  schema: string
  name: string
  arguments: readonly string[]
  near?: string | undefined
  /** What an only argument without a name could have taken. */
  takes?: 'json' | 'text' | 'xml' | 'bytea' | undefined
  /** `public.f(a => integer)`, when several fit. */
  candidates?: readonly string[]
}

/** @throws `not_found` function_not_found, `invalid` function_ambiguous; details are RoutineFacts */
export function planCall(catalog: Catalog, request: CallRequest): CallPlan {
  const routine = findRoutine(catalog, request)
  const relation = resultRelation(catalog, routine)
  const planned = planRead(plannerOf(catalog), relation, request.query)
  const read = { ...planned, alias: routine.name }
  const { arguments: given, output, maxAffected } = request
  if (maxAffected !== undefined && !routine.setOf) throw notCountable()
  return { kind: 'call', routine, arguments: given, read, output, maxAffected }
}

const notCountable = () =>
  invalid(
    'max_affected_call',
    'Function must return SETOF or TABLE when max-affected preference is used with handling=strict',
  )

function findRoutine(catalog: Catalog, request: CallRequest): Routine {
  const all = catalog.routines(request.schema, request.name)
  const names = givenNames(request.arguments)
  const named = names ? all.filter((one) => accepts(one.arguments, names)) : []
  const found = named.length > 0 ? named : all.filter((one) => takesBody(one, request.arguments))
  const [first, second] = found
  if (!first) throw routineNotFound(catalog, request, names ?? [])
  if (second) throw routineAmbiguous(request, names ?? [], found)
  return first
}

function givenNames(given: CallArguments): string[] | undefined {
  if (given.kind === 'named') return [...given.values.keys()]
  return given.kind === 'json' ? [...given.payload.columns] : undefined
}

function accepts(all: readonly RoutineArgument[], names: readonly string[]): boolean {
  if (all.some(({ name }) => name === '')) return all.length === 0
  const known = all.map(({ name }) => name)
  const required = all.filter((argument) => argument.required).map(({ name }) => name)
  return (
    names.every((name) => known.includes(name)) && required.every((name) => names.includes(name))
  )
}

/** A function of one unnamed argument takes the body as it is. */
function takesBody(one: Routine, given: CallArguments): boolean {
  if (!isSingleUnnamed(one.arguments)) return false
  const type = one.arguments[0]?.type
  if (given.kind === 'json') return given.raw !== undefined && /^jsonb?$/.test(type ?? '')
  return given.kind === 'single' && type === given.type
}

/** What a call's rows look like, as a relation: the table's own, or one made of output columns. */
function resultRelation(catalog: Catalog, routine: Routine): Relation {
  const { relation, outputs, schema, name } = routine
  const table = relation && catalog.relation(relation.schema, relation.name)
  if (table) return table
  const shown = isScalar(routine) ? [{ name: SCALAR, type: routine.returnType }] : outputs
  const columns = shown.map(({ name: column, type }, at) => [
    column,
    outputColumn(column, type, at),
  ])
  return {
    schema,
    name,
    kind: 'view',
    columns: new Map(columns as [string, Column][]),
    primaryKey: [],
    uniques: [],
    computed: new Map(),
    foreignKeys: [],
    projections: [],
    writes: { insert: false, update: false, delete: false },
    rowSecurity: false,
    description: null,
  }
}

// biome-ignore format: one line per fact would hide that all are constants
const outputColumn = (name: string, type: string, position: number): Column => ({
  name, type, baseType: type, plainType: type, labels: null, category: 'U', notNull: false, defaultSql: null,
  generated: false, identity: false, position, description: null,
})

function routineNotFound(
  catalog: Catalog,
  request: CallRequest,
  names: readonly string[],
): AppError {
  const { schema, name } = request
  const takes = bodyKind(request.arguments)
  const near =
    takes === 'json' || takes === undefined ? nearRoutine(catalog, request, names) : undefined
  const facts: RoutineFacts = { schema, name, arguments: names, near, takes }
  const given = givenWords(names, takes)
  return notFound(
    'function_not_found',
    `Could not find the function ${schema}.${name}${given} in the schema cache`,
    { details: facts },
  )
}

/** What the body could have been as a whole. */
function bodyKind(given: CallArguments): RoutineFacts['takes'] {
  if (given.kind === 'named') return undefined
  if (given.kind === 'single') return given.type
  return given.raw ? 'json' : undefined
}

function givenWords(names: readonly string[], takes: RoutineFacts['takes']): string {
  if (takes !== undefined && takes !== 'json') return ''
  return names.length > 0 ? `(${names.join(', ')})` : ' without parameters'
}

/** The same function with other parameters, else another function. */
function nearRoutine(
  catalog: Catalog,
  { schema, name }: CallRequest,
  names: readonly string[],
): string | undefined {
  const lists = catalog
    .routines(schema, name)
    .filter(isCallable)
    .map((one) => listOf(one.arguments.map((argument) => argument.name)))
  if (lists.length === 0) return callableNames(catalog, schema).nearest(name, NEARLY_WRITTEN)
  const list = new Likeness(lists).nearest(listOf(names))
  return list === undefined ? undefined : `${name}${list}`
}

const listOf = (names: readonly string[]): string => `(${names.toSorted().join(', ')})`

const callableNames = (catalog: Catalog, schema: string): Likeness =>
  catalog.derived(`functions in ${schema}`, () => {
    const names = catalog.routineNames(schema)
    return new Likeness(names.filter((name) => catalog.routines(schema, name).some(isCallable)))
  })

/** Without a name an argument can only be the body. */
const isCallable = ({ arguments: all }: Routine): boolean =>
  all.every((argument) => argument.name !== '') ||
  (isSingleUnnamed(all) && BODY_TYPES.has(all[0]?.type ?? ''))

const BODY_TYPES = new Set(['json', 'jsonb', 'text', 'xml', 'bytea'])

function routineAmbiguous(
  { schema, name }: CallRequest,
  names: readonly string[],
  found: readonly Routine[],
): AppError {
  const candidates = found.map((one) => {
    const all = one.arguments.map((argument) => `${argument.name} => ${argument.type}`)
    return `${schema}.${name}(${all.join(', ')})`
  })
  const facts: RoutineFacts = { schema, name, arguments: names, candidates }
  return invalid(
    'function_ambiguous',
    `Could not choose the best candidate function between: ${candidates.join(', ')}`,
    {
      details: facts,
      hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
    },
  )
}
