/** zod's shapes as schemas of either version of OpenAPI. */
import { z } from 'zod'
import type { Schema, Version } from './document.ts'

const TARGET = { '3.0': 'openapi-3.0', '3.1': 'draft-2020-12' } as const

/** Shapes of one document: those with a name, `meta({ id })`, stand once among its components. */
export class Schemas {
  readonly version: Version
  /** By name. */
  readonly named = new Map<string, Schema>()
  readonly #tellsDefaults: boolean

  /**
   * @param tellsDefaults what a field is when it is left out is said in its description: generators take a field
   *   with a `default` for one that is always there, and would have callers send it
   */
  constructor(version: Version, tellsDefaults = true) {
    this.version = version
    this.#tellsDefaults = tellsDefaults
  }

  /** What a caller sends; for answers, what they get. @throws when one name has two schemas */
  of(shape: z.ZodType, io: 'input' | 'output' = 'input'): Schema {
    const made = z.toJSONSchema(shape, { target: TARGET[this.version], io, unrepresentable: 'any' })
    const { $schema: _, $defs, definitions, ...schema } = made as Schema
    for (const [name, named] of Object.entries((definitions ?? $defs ?? {}) as Nodes)) {
      this.#keep(name, this.#tidied(named, io))
    }
    return this.#tidied(schema, io)
  }

  #keep(name: string, schema: Schema): void {
    const kept = this.named.get(name)
    if (kept !== undefined && JSON.stringify(kept) !== JSON.stringify(schema)) {
      throw new Error(`two schemas are called ${name}`)
    }
    this.named.set(name, schema)
  }

  #tidied(schema: Schema, io: 'input' | 'output'): Schema {
    const tidy = (one: unknown): unknown => (isNode(one) ? this.#tidied(one, io) : one)
    const entries = Object.entries(schema)
      .filter(([keyword, value]) => !isNoise(schema, keyword, value, io))
      .map(([keyword, value]): [string, unknown] => {
        if (keyword === '$ref') return [keyword, String(value).replace(LOCAL, COMPONENTS)]
        if (keyword === 'properties') return [keyword, mapped(value as Nodes, tidy)]
        if (BRANCHES.has(keyword)) return [keyword, (value as unknown[]).map(tidy)]
        return [keyword, INNER.has(keyword) ? tidy(value) : value]
      })
    const tidied = Object.fromEntries(entries)
    const told = this.#tellsDefaults && io === 'input' ? withDefaultTold(tidied) : tidied
    return this.version === '3.0' ? withNull(told) : told
  }
}

type Nodes = Record<string, Schema>

const LOCAL = /^#\/(\$defs|definitions)\//
const COMPONENTS = '#/components/schemas/'

const INNER = new Set(['items', 'additionalProperties', 'not'])
const BRANCHES = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])

const isNode = (value: unknown): value is Schema => typeof value === 'object' && value !== null

const mapped = (nodes: Nodes, change: (one: unknown) => unknown): Schema =>
  Object.fromEntries(Object.entries(nodes).map(([name, one]) => [name, change(one)]))

/**
 * What zod writes besides: bounds of every whole number, the pattern behind a format, the type of an
 * object's names, and of answers that they never get further fields, which a later release may give them.
 */
// oxlint-disable-next-line max-params -- one keyword where it stands
function isNoise(schema: Schema, keyword: string, value: unknown, io: 'input' | 'output'): boolean {
  if (keyword === 'maximum') return value === Number.MAX_SAFE_INTEGER
  if (keyword === 'minimum') return value === Number.MIN_SAFE_INTEGER
  if (keyword === 'pattern') return typeof schema.format === 'string'
  if (keyword === 'propertyNames') return JSON.stringify(value) === '{"type":"string"}'
  return keyword === 'additionalProperties' && value === false && io === 'output'
}

function withDefaultTold({ default: value, ...schema }: Schema): Schema {
  if (value === undefined) return schema
  const { description } = schema
  const told = `\`${JSON.stringify(value)}\` without it`
  return {
    ...schema,
    description: typeof description === 'string' ? `${description}; ${told}` : told,
  }
}

/** 3.0 has no type `null`, and a list of values is not widened by `nullable`. */
function withNull(schema: Schema): Schema {
  if (schema.type === 'null') return { type: 'string', nullable: true, enum: [null] }
  const { enum: values } = schema
  if (schema.nullable !== true || !Array.isArray(values) || values.includes(null)) return schema
  return { ...schema, enum: [...values, null] }
}

/** Without a body the server reads `{}`: it may be left out where `{}` is good. */
export const mayBeAbsent = (shape: z.ZodType): boolean =>
  !shape.meta()?.required && shape.safeParse({}).success

/** The value or `null`, in the language of the version. */
export function nullable(schema: Schema, version: Version): Schema {
  if (typeof schema.type !== 'string') return schema
  if (version === '3.0') return withNull({ ...schema, nullable: true })
  const { enum: values } = schema
  return {
    ...schema,
    type: [schema.type, 'null'],
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  }
}
