/** The functions of an app as a part of the OpenAPI 3 document; the root's own document is of version 2. */
import type { Routine } from '#domains/data'
import type { Draft, Operation, Part, Schema, Version } from '#http/openapi/document'
import { accessOf, errorAnswers, TENANT } from '#http/openapi/operation'
import { nullable } from '#http/openapi/schema'
import { REST } from './about.ts'
import { isNamed } from './openapi.ts'
import { typeOf } from './openapi-types.ts'

const TAG = 'Functions'

export type FunctionFacts = {
  /** Those that are told, of one schema: by name, each with its overloads. */
  functions: ReadonlyMap<string, readonly Routine[]>
  schema: string
  /** Requests for another schema than the first name it. */
  isFirst: boolean
}

/** A reference to the rows of a relation, if the document describes them. */
export type RowOf = (schema: string, name: string) => Schema | undefined

/** Paths of every function, one for all its overloads. */
export function functionsPart(all: readonly FunctionFacts[], rowOf: RowOf): Part {
  return async (draft) => {
    draft.tag(TAG, 'The functions of the app, as they are now.')
    for (const facts of all) {
      for (const [name, overloads] of facts.functions) {
        const routines = overloads.filter(isNamed)
        if (routines.length > 0) addFunction({ draft, facts, rowOf }, name, routines)
        await draft.pause()
      }
    }
  }
}

type Adding = { draft: Draft; facts: FunctionFacts; rowOf: RowOf }

function addFunction(adding: Adding, name: string, routines: readonly Routine[]): void {
  const { draft, facts } = adding
  const path = `/rest/v1/rpc/${encodeURIComponent(name)}`
  const id = `${facts.schema}_${name}`.replaceAll(/[^A-Za-z0-9_]/g, '_')
  const shared = (method: string): Operation => ({
    operationId: draft.freeId(`${method}_${id}`),
    tags: [TAG],
    ...told(routines, `Call ${name}`),
    ...accessOf('visitor', REST.access.visitor),
    responses: { ...answers(adding, routines), ...errorAnswers(REST) },
  })
  draft.operation(path, 'post', () => ({
    ...shared('call'),
    parameters: parameters(facts, []),
    requestBody: bodyOf(routines, draft.version),
  }))
  const reading = routines.filter(({ volatility }) => volatility !== 'v')
  if (reading.length === 0) return
  draft.operation(path, 'get', () => ({
    ...shared('read'),
    parameters: parameters(facts, inQuery(reading, draft.version)),
  }))
}

/** The first line of a comment is the summary. */
function told(routines: readonly Routine[], summary: string): Operation {
  const comment = routines.find(({ description }) => description !== null)?.description
  const [head, ...rest] = comment?.split('\n') ?? []
  const description = rest.join('\n').trim()
  return { summary: head || summary, ...(description === '' ? {} : { description }) }
}

const PREFER: Schema = {
  name: 'Prefer',
  in: 'header',
  description: '`count=exact`, `tx=rollback`, `handling=strict`, `max-affected=…`, `timezone=…`',
  schema: { type: 'string' },
}

function parameters({ schema, isFirst }: FunctionFacts, own: readonly Schema[]): Schema[] {
  const profile = (name: string): Schema => ({
    name,
    in: 'header',
    required: true,
    description: 'The schema of the function',
    schema: { type: 'string', enum: [schema] },
  })
  const method = own.length > 0 ? 'Accept-Profile' : 'Content-Profile'
  return [...own, PREFER, ...(isFirst ? [] : [profile(method)]), TENANT]
}

function inQuery(routines: readonly Routine[], version: Version): Schema[] {
  const names = new Map(
    routines.flatMap((one) => one.arguments.map((argument) => [argument.name, argument] as const)),
  )
  return [...names.values()].map(({ name, type, variadic }) => ({
    name,
    in: 'query',
    description: `An argument, of the type ${type}`,
    required: routines.every((one) =>
      one.arguments.some((argument) => argument.name === name && argument.required),
    ),
    schema: typeSchema(!variadic && type.endsWith('[]') ? 'text' : type, version),
  }))
}

function bodyOf(routines: readonly Routine[], version: Version): Schema {
  const shapes = routines.map((one) => argumentsSchema(one, version))
  const schema = shapes.length === 1 ? (shapes[0] ?? {}) : { anyOf: shapes }
  const isNeeded = routines.every((one) => one.arguments.some(({ required }) => required))
  return { required: isNeeded, content: { 'application/json': { schema } } }
}

/** An argument without a name is the body as a whole. */
function argumentsSchema({ arguments: all }: Routine, version: Version): Schema {
  const [first] = all
  if (first?.name === '') return typeSchema(first.type, version)
  const required = all.filter((one) => one.required).map(({ name }) => name)
  const mayBeNull = (type: string): Schema => nullable(typeSchema(type, version), version)
  return {
    type: 'object',
    properties: Object.fromEntries(all.map(({ name, type }) => [name, mayBeNull(type)])),
    ...(required.length > 0 ? { required } : {}),
  }
}

function answers({ draft, rowOf }: Adding, routines: readonly Routine[]): Schema {
  const giving = routines.filter(({ returnType }) => returnType !== 'void')
  const schemas = giving.map((one) => resultSchema(one, draft.version, rowOf))
  const texts = new Set(schemas.map((schema) => JSON.stringify(schema)))
  const distinct = [...texts].map((text) => JSON.parse(text) as Schema)
  const schema = distinct.length === 1 ? (distinct[0] ?? {}) : { anyOf: distinct }
  const type = giving.every(({ handles }) => handles) ? '*/*' : 'application/json'
  const content = { [type]: { schema } }
  return {
    ...(giving.length > 0 ? { 200: { description: 'Done', content } } : {}),
    ...(giving.some(({ setOf }) => setOf)
      ? { 206: { description: 'A part of the rows', content } }
      : {}),
    ...(giving.length < routines.length
      ? { 204: { description: 'Done; there is no result' } }
      : {}),
    ...(routines.length > 1 ? { 300: SEVERAL_FIT } : {}),
  }
}

const SEVERAL_FIT: Schema = {
  description: 'The arguments fit several functions of the name',
  content: {
    'application/json': { schema: { $ref: `#/components/schemas/${REST.error.name}` } },
  },
}

function resultSchema(routine: Routine, version: Version, rowOf: RowOf): Schema {
  const one = oneResult(routine, version, rowOf)
  if (routine.setOf) return { type: 'array', items: one }
  if ('$ref' in one) return { anyOf: [one, noRow(version)] }
  const isPlain = !routine.composite && routine.outputs.length === 0 && !routine.handles
  return isPlain ? nullable(one, version) : one
}

/** Where such a function finds no row, each column is null, also those that never are in the table. */
const noRow = (version: Version): Schema => ({
  type: 'object',
  description: 'Without a row each of its columns is null',
  additionalProperties: version === '3.0' ? { nullable: true, enum: [null] } : { type: 'null' },
})

function oneResult(routine: Routine, version: Version, rowOf: RowOf): Schema {
  const { relation, composite, outputs, returnType, handles } = routine
  if (handles) return { type: 'string', description: handles.mediaType }
  const row = relation && rowOf(relation.schema, relation.name)
  if (row) return row
  // A single output too is a field of an object.
  if (!composite && outputs.length === 0) return typeSchema(returnType, version)
  if (relation || outputs.length === 0) return { type: 'object' }
  return {
    type: 'object',
    properties: Object.fromEntries(
      outputs.map(({ name, type }) => [name, nullable(typeSchema(type, version), version)]),
    ),
    required: outputs.map(({ name }) => name),
  }
}

/** Formats that OpenAPI knows too; what PostgreSQL calls the type stands beside. */
const FORMATS: Record<string, string> = {
  smallint: 'int32',
  integer: 'int32',
  bigint: 'int64',
  real: 'float',
  'double precision': 'double',
  uuid: 'uuid',
  date: 'date',
  'timestamp with time zone': 'date-time',
}

function typeSchema(type: string, version: Version): Schema {
  if (type.endsWith('[]')) {
    return { type: 'array', items: nullable(typeSchema(type.slice(0, -2), version), version) }
  }
  const { type: word } = typeOf(type)
  return {
    ...(word === undefined ? {} : { type: word }),
    ...(Object.hasOwn(FORMATS, type) ? { format: FORMATS[type] } : {}),
    'x-type': type,
  }
}
