/** What is made once for a snapshot of the catalog and a role: the schema, and the texts read against it. */
import {
  type DocumentNode,
  executeSync,
  type FieldNode,
  type GraphQLSchema,
  introspectionFromSchema,
  Kind,
} from 'graphql'
import { type Catalog, type DataContext, LruCache } from '#domains/data'
import { type Prepared, type PreparedOperation, prepare } from './document.ts'
import { readGrants } from './grants.sql.ts'
import { type Model, modelOf, SCHEMA } from './model.ts'
import { schemaOf } from './schema.ts'
import type { GraphqlSettings } from './settings.ts'

export type Built = {
  model: Model
  schema: GraphQLSchema
  /** By the settings they were read under, then by their text. */
  documents: Map<string, LruCache<Prepared>>
  introspection?: string
  /** Answers to operations that ask about the schema, by their text. */
  introspected: LruCache<string>
}

/** Of each snapshot the schema of each role: a new snapshot starts with none. */
const known = new WeakMap<Catalog, LruCache<Built | Promise<Built>>>()

const MAX_ROLES = 20
const MAX_DOCUMENTS = 1_000
/** Of a large schema each is large. */
const MAX_INTROSPECTED = 2
/** Longer texts are read each time. */
const MAX_KEPT_TEXT = 20_000

export function builtFor(
  { platform, identity }: Pick<DataContext, 'platform' | 'identity'>,
  catalog: Catalog,
): Built | Promise<Built> {
  let roles = known.get(catalog)
  if (!roles) {
    roles = new LruCache(MAX_ROLES)
    known.set(catalog, roles)
  }
  const { role } = identity
  const found = roles.get(role)
  if (found) return found
  const building = readGrants(platform, role, SCHEMA).then((grants): Built => {
    const model = modelOf(catalog, grants)
    const built = {
      model,
      schema: schemaOf(model),
      documents: new Map<string, LruCache<Prepared>>(),
      introspected: new LruCache<string>(MAX_INTROSPECTED),
    }
    roles.set(role, built)
    return built
  })
  roles.set(role, building)
  // The next request tries again.
  building.catch(() => known.delete(catalog))
  return building
}

export function preparedFor(built: Built, text: string, settings: GraphqlSettings): Prepared {
  const { documents, schema, model } = built
  if (text.length > MAX_KEPT_TEXT) return prepare(text, { schema, model, settings })
  const kept = keptUnder(documents, settingsKey(settings))
  let prepared = kept.get(text)
  if (!prepared) {
    prepared = prepare(text, { schema, model, settings })
    kept.set(text, prepared)
  }
  return prepared
}

/** Settings change rarely: those of before are forgotten. */
function keptUnder(documents: Built['documents'], key: string): LruCache<Prepared> {
  let kept = documents.get(key)
  if (!kept) {
    kept = new LruCache(MAX_DOCUMENTS)
    documents.clear()
    documents.set(key, kept)
  }
  return kept
}

const keys = new WeakMap<GraphqlSettings, string>()

function settingsKey(settings: GraphqlSettings): string {
  let key = keys.get(settings)
  if (key === undefined) {
    key = Object.values(settings).join()
    keys.set(settings, key)
  }
  return key
}

/** The whole schema, as an introspection query would give it, as JSON text. */
export function wholeSchema(built: Built): string {
  built.introspection ??= JSON.stringify(introspectionFromSchema(built.schema))
  return built.introspection
}

type Asking = {
  built: Built
  operation: PreparedOperation
  inputs: Readonly<Record<string, unknown>>
}

/** The part of the operation that asks about the schema, run on its own, as JSON text. */
export function introspected({ built, operation, inputs }: Asking, key: string): string {
  const { node, document, variables } = operation
  const text =
    variables.length === 0
      ? `${node.name?.value ?? ''} ${key} ${node.loc?.source.body ?? ''}`
      : undefined
  const kept = text === undefined ? undefined : built.introspected.get(text)
  if (kept !== undefined) return kept
  const asks = (one: FieldNode): boolean => (one.alias ?? one.name).value === key
  const others = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  const selections = node.selectionSet.selections.filter(
    (one) => one.kind !== Kind.FIELD || asks(one),
  )
  const only = { ...node, selectionSet: { ...node.selectionSet, selections } }
  const alone: DocumentNode = { kind: Kind.DOCUMENT, definitions: [only, ...others] }
  const result = executeSync({ schema: built.schema, document: alone, variableValues: inputs })
  const json = JSON.stringify((result.data as Record<string, unknown> | null)?.[key] ?? null)
  if (text !== undefined) built.introspected.set(text, json)
  return json
}
