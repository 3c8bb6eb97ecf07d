/** What is made once for a snapshot of the catalog and a role: the schema, and the texts read against it. */
import {
  getIntrospectionQuery,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql'
import { LruCache } from '#core/lru-cache'
import { Shelf } from '#core/shelf'
import type { Catalog, DataContext } from '#domains/data'
import type { Chunks } from './chunks.ts'
import { type Prepared, type PreparedOperation, prepare } from './document.ts'
import { readGrants } from './grants.sql.ts'
import type { Given } from './inputs.ts'
import { writeIntrospection } from './introspection.ts'
import { type Model, modelOf, SCHEMA } from './model.ts'
import { schemaOf } from './schema.ts'
import { type Selected, selectedIn } from './selection.ts'
import type { GraphqlSettings } from './settings.ts'

export type Built = {
  /** Of the snapshot it was made of. */
  catalog: Catalog
  id: number
  model: Model
  schema: GraphQLSchema
  /** By the settings they were read under, then by their text. */
  documents: Map<string, LruCache<Prepared>>
}

/** What an app's requests use, by role. */
type Roles = LruCache<{
  current: Built | undefined
  building: { catalog: Catalog; done: Promise<Built> } | undefined
}>

const MAX_ROLES = 20
const MAX_DOCUMENTS = 1_000
/** Characters of them together: what is made of a text takes many times its memory. */
const MAX_TEXTS = 1_000_000
/** Longer texts are read each time. */
const MAX_KEPT_TEXT = 20_000

let made = 0

type Place = Pick<DataContext, 'appId' | 'catalogs' | 'platform' | 'identity'>

/**
 * What there is for this role: of `catalog`, or of the one before while that is being made. Only the
 * first request of a role waits, and who needs it `exactly`.
 */
export function builtFor(
  { appId, catalogs, platform, identity }: Place,
  catalog: Catalog,
  exactly = false,
): Built | Promise<Built> {
  const roles = catalogs.attached(appId, 'graphql', (): Roles => new LruCache(MAX_ROLES))
  const { role } = identity
  let entry = roles.get(role)
  if (!entry) {
    entry = { current: undefined, building: undefined }
    roles.set(role, entry)
  }
  const at = entry
  if (at.current?.catalog === catalog) return at.current
  if (at.building?.catalog !== catalog) {
    const done = build({ platform, role }, catalog)
    const building = { catalog, done }
    at.building = building
    const over = (): void => {
      if (at.building === building) at.building = undefined
    }
    done.then((built) => {
      if (at.building === building) at.current = built
      over()
    }, over)
  }
  return at.current && !exactly ? at.current : at.building.done
}

async function build(
  { platform, role }: Pick<Place, 'platform'> & { role: string },
  catalog: Catalog,
): Promise<Built> {
  const model = await modelOf(catalog, await readGrants(platform, role, SCHEMA))
  made += 1
  const schema = schemaOf(model)
  return { catalog, id: made, model, schema, documents: new Map() }
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
    kept = new LruCache(MAX_DOCUMENTS, MAX_TEXTS)
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

const WHOLE = parse(
  getIntrospectionQuery({
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    experimentalDirectiveDeprecation: true,
    oneOf: true,
  }),
)

const NOTHING_GIVEN: Given = { variables: { sources: {}, coerced: {} }, unbounded: false }

/** The whole schema, as an introspection query would give it. */
export function wholeSchema(built: Built): Promise<Chunks> {
  const node = WHOLE.definitions.find(
    (one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION,
  )
  const fragments = new Map(
    WHOLE.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  )
  const selecting = { fragments, given: NOTHING_GIVEN }
  const [selected] = selectedIn(node ? [node.selectionSet] : [], 'Query', selecting)
  if (!selected) throw new Error('the question about the whole schema is empty')
  return described(built, { ...selecting, selected }, 'whole')
}

type Asking = { built: Built; operation: PreparedOperation; given: Given }

/** The part of the operation that asks about the schema. */
export function introspected(
  { built, operation, given }: Asking,
  selected: Selected,
): Promise<Chunks> {
  const { node, fragments, variables } = operation
  const text =
    variables.length === 0
      ? `${node.name?.value ?? ''} ${selected.key} ${node.loc?.source.body ?? ''}`
      : undefined
  return described(built, { fragments, given, selected }, text)
}

type Describing = Omit<Parameters<typeof writeIntrospection>[0], 'schema'>

/** Answers kept for all schemas together. */
const SHELF_BYTES = 64 * 1024 * 1024

const shelf = new Shelf<Chunks>(SHELF_BYTES, ({ bytes }) => bytes)

/** Those who ask the same at the same time get the same. @param key undefined: not kept */
function described(built: Built, asked: Describing, key: string | undefined): Promise<Chunks> {
  // Of a schema of its own: what it makes, which is everything, goes when it is done.
  const write = () =>
    oneAfterTheOther(() => writeIntrospection({ ...asked, schema: schemaOf(built.model) }))
  return key === undefined ? write() : shelf.take(`${built.id} ${key}`, write)
}

let last: Promise<unknown> = Promise.resolve()

/** Several at once would take as long, and the memory of all. */
function oneAfterTheOther<T>(work: () => Promise<T>): Promise<T> {
  const done = last.then(work)
  last = done.catch(() => {})
  return done
}
