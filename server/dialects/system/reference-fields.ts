/** The body of a route as rows of a table, and as an example. */
import type { Schema } from '#http/openapi/document'
import { schemaOf } from '#http/openapi/schema'
import type { ListedRoute } from '#http/routes'

export type Field = { name: string; type: string; required: boolean; about: string }

type Bodied = Pick<ListedRoute, 'body' | 'docs'>

/** The JSON body's shape, if the route says it. */
export function bodySchema({ body, docs }: Bodied): Schema | undefined {
  const shape = body ?? docs?.content?.['application/json']
  return shape && schemaOf(shape, '3.1')
}

/** Fields of the body; of objects within it too, as `trigger.type`. */
export function fieldsOf(schema: Schema, prefix = ''): Field[] {
  const required = (schema.required ?? []) as string[]
  return Object.entries((schema.properties ?? {}) as Record<string, Schema>).flatMap(
    ([name, property]) => [
      {
        name: `${prefix}${name}`,
        type: typeText(property),
        required: required.includes(name),
        about: aboutOf(property),
      },
      ...fieldsOf(property, `${prefix}${name}.`),
    ],
  )
}

function typeText(schema: Schema): string {
  const either = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (either) return [...new Set(either.map(typeText))].join(' or ')
  if (Array.isArray(schema.enum))
    return schema.enum.map((value) => JSON.stringify(value)).join(', ')
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.type === 'array') return `list of ${typeText((schema.items ?? {}) as Schema)}`
  return typeof schema.type === 'string' ? schema.type : 'any value'
}

/** `$` stands for the value. */
const LIMITS: readonly (readonly [keyword: string, text: string])[] = [
  ['minLength', 'at least $ characters'],
  ['maxLength', 'at most $ characters'],
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

/** A value that the schema would take, as short as possible. */
function sampleOf(schema: Schema): unknown {
  if ('default' in schema && schema.default !== null) return schema.default
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if ('const' in schema) return schema.const
  const [first] = ((schema.anyOf ?? schema.oneOf) as Schema[] | undefined) ?? []
  if (first) return sampleOf(first)
  const { type } = schema
  if (type === 'object') return sampleObject(schema)
  if (type === 'array') return [sampleOf((schema.items ?? {}) as Schema)]
  if (type === 'boolean') return true
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  return type === 'string' ? '…' : {}
}

/** What is required; where nothing is, the first field. */
function sampleObject(schema: Schema): Record<string, unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>)
  const required = (schema.required ?? []) as string[]
  const shown = properties.filter(([name]) => required.includes(name))
  const chosen = shown.length > 0 ? shown : properties.slice(0, 1)
  return Object.fromEntries(chosen.map(([name, property]) => [name, sampleOf(property)]))
}

/** A command that calls the route; what stands in capitals is filled in by the reader's shell. */
export function exampleOf(route: ListedRoute, method: string, url: string): string {
  const { path, dialect, access, docs } = route
  const target = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => `$${shellName(name)}`)
  const key = dialect.access[access]?.example
  const schema = bodySchema(route)
  const [type = ''] = Object.keys(docs?.content ?? {})
  const verb = method === 'head' ? '-I' : method === 'get' ? '' : `-X ${method.toUpperCase()}`
  const options = [
    ...(key === undefined ? [] : [`-H "Authorization: Bearer $${key}"`]),
    ...(schema && method !== 'get'
      ? [`-H 'Content-Type: application/json'`, `-d '${quoted(JSON.stringify(sampleOf(schema)))}'`]
      : type !== '' && method !== 'get'
        ? [`-H 'Content-Type: ${type}'`, '--data-binary @-']
        : []),
  ]
  return [['curl', verb, `"${url}${target}"`].filter(Boolean).join(' '), ...options].join(' \\\n  ')
}

const shellName = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9_]/g, '_')
    .toUpperCase()

const quoted = (text: string): string => text.replaceAll("'", `'\\''`)
