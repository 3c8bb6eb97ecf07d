/** zod's shapes as schemas of either version of OpenAPI. */
import { z } from 'zod'
import type { Schema, Version } from './document.ts'

const TARGET = { '3.0': 'openapi-3.0', '3.1': 'draft-2020-12' } as const

/** What a caller sends; for answers, what they get. */
export function schemaOf(
  shape: z.ZodType,
  version: Version,
  io: 'input' | 'output' = 'input',
): Schema {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    target: TARGET[version],
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Not in 3.0's list of types.
      if (version === '3.0' && jsonSchema.type === 'null') {
        Object.assign(jsonSchema, { type: 'string', nullable: true, enum: [null] })
      }
      // zod writes these for every whole number; they only make the document longer.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    },
  })
  return schema
}

/** Without a body the server reads `{}`: it may be left out where `{}` is good. */
export const mayBeAbsent = (shape: z.ZodType): boolean => shape.safeParse({}).success

/** `nullable` in the language of the version. */
export function nullable(schema: Schema, version: Version): Schema {
  if (typeof schema.type !== 'string') return schema
  if (version === '3.0') return { ...schema, nullable: true }
  return { ...schema, type: [schema.type, 'null'] }
}
