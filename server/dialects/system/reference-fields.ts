/** The body of a route as rows of a table, and as an example. */
import type { z } from 'zod'
import type { About, AnswerDocs } from '#http/about'
import type { Schema } from '#http/openapi/document'
import { describedAnswers } from '#http/openapi/operation'
import { Schemas } from '#http/openapi/schema'
import type { ListedRoute } from '#http/routes'

export type Field = { name: string; type: string; required: boolean; about: string }

/** The JSON body's shape, if the route says it. */
export function bodySchema({ body, docs }: Pick<ListedRoute, 'body' | 'docs'>): Schema | undefined {
  const shape = body ?? docs?.content?.['application/json']
  return shape && whole(shape, 'input')
}

/** What a field or a parameter of this shape is. */
export const shapeTexts = (shape: z.ZodType) => {
  const schema = whole(shape, 'input')
  return { type: typeText(schema), about: aboutOf(schema) }
}

export type Told = {
  status: string
  about: string
  types: string[]
  /** Of each form that it may have; none where it is that of the status before. */
  forms: Field[][]
}

/** The answers that the route describes, by status; refusals that are like all others are left out. */
export function answersOf(route: Pick<ListedRoute, 'answer' | 'docs'>): Told[] {
  const all: Record<string, AnswerDocs> = describedAnswers(route)
  let before = ''
  return Object.entries(all).map(([status, { description = '', content = {} }]) => {
    const [first] = Object.values(content)
    const schema: Schema = first ? whole(first, 'output') : {}
    const forms = formsOf(schema)
    const isSame = JSON.stringify(forms) === before
    before = JSON.stringify(forms)
    const about = [description, forms.length > 0 ? '' : aboutOf(schema)].filter(Boolean).join('; ')
    return { status, about, types: Object.keys(content), forms: isSame ? [] : forms }
  })
}

/** What the dialect's refusals hold. */
export const refusalOf = ({ error }: About): Field[] => fieldsOf(whole(error.body, 'output'))

/** Fields of an object, or of the objects in a list; of several forms, each. */
export const formsOf = (schema: Schema): Field[][] =>
  (choicesOf(schema) ?? [schema])
    .map((one) => (one.type === 'array' ? fieldsOf(itemsOf(one), '[].') : fieldsOf(one)))
    .filter((fields) => fields.length > 0)

/** Without references. */
function whole(shape: z.ZodType, io: 'input' | 'output'): Schema {
  const schemas = new Schemas('3.1', false)
  const inlined = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inlined)
    if (typeof value !== 'object' || value === null) return value
    const { $ref, ...schema } = value as Schema
    const named = typeof $ref === 'string' ? schemas.named.get($ref.split('/').at(-1) ?? '') : {}
    return Object.fromEntries(
      Object.entries({ ...named, ...schema }).map(([name, one]) => [name, inlined(one)]),
    )
  }
  return inlined(schemas.of(shape, io)) as Schema
}

/** Fields; of what is within them too, as `trigger.type`, `triggers[].type` and, under any name, `tables.{…}.columns`. */
function fieldsOf(schema: Schema, prefix = ''): Field[] {
  const required = (schema.required ?? []) as string[]
  return propertiesOf(schema).flatMap(([name, property]) => [
    {
      name: `${prefix}${name}`,
      type: typeText(property),
      required: required.includes(name),
      about: aboutOf(property),
    },
    ...fieldsOf(property, `${prefix}${name}.`),
    ...fieldsOf(itemsOf(property), `${prefix}${name}[].`),
    ...fieldsOf(valuesOf(property), `${prefix}${name}.{…}.`),
  ])
}

/** Of an object that may be absent or null, those of the object. */
function propertiesOf(schema: Schema): [name: string, property: Schema][] {
  const object = choicesOf(schema)?.find((one) => 'properties' in one) ?? schema
  return Object.entries((object.properties ?? {}) as Record<string, Schema>)
}

const itemsOf = (schema: Schema) => (schema.items ?? {}) as Schema

/** What stands under each name, where an object may have any. */
const valuesOf = ({ additionalProperties: values }: Schema): Schema =>
  typeof values === 'object' && values !== null ? (values as Schema) : {}

const choicesOf = (schema: Schema) => (schema.anyOf ?? schema.oneOf) as Schema[] | undefined

function typeText(schema: Schema): string {
  const choices = choicesOf(schema)
  if (choices) return [...new Set(choices.map(typeText))].join(' or ')
  if (Array.isArray(schema.enum))
    return schema.enum.map((value) => JSON.stringify(value)).join(', ')
  if ('const' in schema) return JSON.stringify(schema.const)
  const { type } = schema
  if (Array.isArray(type)) return type.join(' or ')
  if (type === 'array') return `list of ${typeText(itemsOf(schema))}`
  if (typeof type !== 'string') return 'any value'
  return typeof schema.format === 'string' ? `${type} (${schema.format})` : type
}

/** `$` stands for the value. */
const LIMITS: readonly (readonly [keyword: string, text: string])[] = [
  ['minLength', 'at least $ long'],
  ['maxLength', 'at most $ long'],
  ['minimum', 'from $'],
  ['exclusiveMinimum', 'more than $'],
  ['maximum', 'up to $'],
  ['minItems', 'at least $'],
  ['maxItems', 'at most $'],
  ['default', 'default $'],
]

function aboutOf(schema: Schema): string {
  const limits = LIMITS.flatMap(([keyword, text]) =>
    keyword in schema ? [text.replace('$', () => JSON.stringify(schema[keyword]))] : [],
  )
  const description = typeof schema.description === 'string' ? [schema.description] : []
  return [...description, limits.join(', ')].filter((part) => part !== '').join('; ')
}

/** Texts that fit where a field has this name. */
const BY_NAME: Record<string, string> = {
  email: 'ada@example.com',
  password: 'Correct-horse-42',
  code: 'export default () => new Response("hello")',
  name: 'notes',
  table_name: 'notes',
  type: 'text',
}

/** A name for one thing among those of such a field. */
const ONE_OF: Record<string, string> = { tables: 'notes', columns: 'title' }

/** A value that the schema would take, as short as possible. */
function sampleOf(schema: Schema, name = ''): unknown {
  if ('default' in schema && schema.default !== null) return schema.default
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if ('const' in schema) return schema.const
  const [first] = choicesOf(schema) ?? []
  if (first) return sampleOf(first, name)
  const [type] = [schema.type].flat()
  if (type === 'object') return sampleObject(schema, name)
  if (type === 'array') return [sampleOf(itemsOf(schema), name)]
  if (type === 'boolean') return true
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  return type === 'string' ? (BY_NAME[name] ?? '…') : {}
}

/** What is required; where nothing is, the first field. */
function sampleObject(schema: Schema, of: string): Record<string, unknown> {
  const one = ONE_OF[of]
  if (one !== undefined) return { [one]: sampleOf(valuesOf(schema)) }
  const required = (schema.required ?? []) as string[]
  const properties = propertiesOf(schema)
  const shown = properties.filter(([name]) => required.includes(name))
  const chosen = shown.length > 0 ? shown : properties.slice(0, 1)
  return Object.fromEntries(chosen.map(([name, property]) => [name, sampleOf(property, name)]))
}

/** A command that calls the route; what stands in capitals is filled in by the reader's shell. */
export function exampleOf(route: ListedRoute, method: string, url: string): string {
  const { path, dialect, access } = route
  const target = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => `$${shellName(name)}`)
  const key = dialect.access[access]?.example
  const verb = VERBS[method] ?? `-X ${method.toUpperCase()} `
  const options = [
    ...(key === undefined ? [] : [`-H "Authorization: Bearer $${key}"`]),
    ...(method === 'get' || method === 'head' ? [] : sent(route)),
  ]
  return [`curl ${verb}"${url}${target}"`, ...options].join(' \\\n  ')
}

const VERBS: Record<string, string> = { get: '', head: '-I ' }

/** The body of the example: a short one where its shape is known, else what comes on standard input. */
function sent(route: ListedRoute): string[] {
  const schema = bodySchema(route)
  if (schema) {
    const text = JSON.stringify(sampleOf(schema)).replaceAll("'", `'\\''`)
    return ["-H 'Content-Type: application/json'", `-d '${text}'`]
  }
  const [type] = Object.keys(route.docs?.content ?? {})
  return type === undefined ? [] : [`-H 'Content-Type: ${type}'`, '--data-binary @-']
}

const shellName = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9_]/g, '_')
    .toUpperCase()
