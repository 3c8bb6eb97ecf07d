/** Resolves calls: which of several functions of one name is meant. */
import { type AppError, invalid, notFound } from '#core/errors'
import type { Catalog, Column, Relation, Routine, RoutineArgument } from './catalog.ts'
import { isSingleUnnamed } from './call.sql.ts'
import { nearest } from './nearest.ts'
import type { CallPlan } from './plan.ts'
import { planRead, plannerOf } from './plan-read.ts'
import type { CallArguments, CallRequest } from './query.ts'

export type RoutineFacts = {
  schema: string
  name: string
  arguments: readonly string[]
  near?: string | undefined
  /** `public.f(a => integer)`, when several fit. */
  candidates?: readonly string[]
}

/** @throws `not_found` function_not_found, `invalid` function_ambiguous; details are RoutineFacts */
export function planCall(catalog: Catalog, request: CallRequest): CallPlan {
  const routine = findRoutine(catalog, request)
  const relation = resultRelation(catalog, routine)
  const planned = planRead(plannerOf(catalog), relation, request.query)
  const read = { ...planned, alias: routine.name }
  return { kind: 'call', routine, arguments: request.arguments, read, output: request.output }
}

/** The names a caller could have meant as arguments. */
export function argumentNames(catalog: Catalog, schema: string, name: string): Set<string> {
  return new Set(
    catalog.routines(schema, name).flatMap((one) => one.arguments.map((argument) => argument.name)),
  )
}

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
  if (given.kind === 'json') return type === 'json' || type === 'jsonb'
  return given.kind === 'single' && type === given.type
}

/** What a call's rows look like, as a relation: the table's own, or one made of output columns. */
function resultRelation(catalog: Catalog, routine: Routine): Relation {
  const { relation, outputs, schema, name } = routine
  const table = relation && catalog.relation(relation.schema, relation.name)
  if (table) return table
  const columns = outputs.map(({ name: column, type }, at) => [
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
    rowSecurity: false,
    description: null,
  }
}

// biome-ignore format: one line per fact would hide that all are constants
const outputColumn = (name: string, type: string, position: number): Column => ({
  name, type, baseType: type, category: 'U', notNull: false, defaultSql: null,
  generated: false, identity: false, position, description: null,
})

function routineNotFound(
  catalog: Catalog,
  { schema, name }: CallRequest,
  names: readonly string[],
): AppError {
  const near = nearest(name, catalog.routineNames(schema))
  const facts: RoutineFacts = { schema, name, arguments: names, near }
  const given = names.length > 0 ? `(${names.join(', ')})` : ' without parameters'
  return notFound(
    'function_not_found',
    `Could not find the function ${schema}.${name}${given} in the schema cache`,
    { details: facts },
  )
}

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
