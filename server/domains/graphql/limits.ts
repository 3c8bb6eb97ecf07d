/** How large an operation may be, told from its text alone. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { invalid } from '#core/errors'
import type { GraphqlSettings } from './settings.ts'

/** Fields, aliases and spreads in all, fragments counted wherever they are spread. */
const MAX_SELECTIONS = 500

/** Nesting of brackets: what is deeper is not parsed at all. */
const MAX_NESTING = 200

/** Brackets in a text: no operation within the other limits comes near. */
const MAX_BRACKETS = 20_000

/** Operations and fragments in one text. */
const MAX_DEFINITIONS = 200

/** Introspection answers with the whole schema: once or twice is enough. */
const MAX_SCHEMA_FIELDS = 2

export const limitExceeded = (message: string) => invalid('graphql_limit', message)

/** Before parsing: a parser that recurses has a stack that ends. @throws `invalid` graphql_limit */
export function checkNesting(text: string, { maxDepth }: GraphqlSettings): void {
  let depth = 0
  let brackets = 0
  for (const [token] of text.matchAll(
    /"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|[{}()[\]]/g,
  )) {
    if (token === '{' || token === '[' || token === '(') {
      brackets += 1
      // What follows is not even counted: a text may have millions.
      if (++depth > MAX_NESTING) throw tooDeep(depth, maxDepth)
      if (brackets > MAX_BRACKETS) {
        throw limitExceeded(`query has more than ${MAX_BRACKETS} opening brackets`)
      }
    } else if (token === '}' || token === ']' || token === ')') depth--
  }
}

const tooDeep = (depth: number, max: number) =>
  limitExceeded(`query depth ${depth} exceeds maximum allowed depth of ${max || MAX_NESTING}`)

const emptySelection = () =>
  invalid('graphql_syntax', 'Invalid query syntax', {
    details: { reason: 'A selection set must name at least one field' },
  })

type Size = {
  depth: number
  selections: number
  fields: number
  /** How often the whole schema is asked for. */
  schemas: number
  spreads: boolean
}

/** @throws `invalid` graphql_limit */
export function checkSize(document: DocumentNode, settings: GraphqlSettings): void {
  const { length } = document.definitions
  if (length > MAX_DEFINITIONS) {
    throw limitExceeded(`query has ${length} definitions, maximum allowed is ${MAX_DEFINITIONS}`)
  }
  const measure = new Measure(document)
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const size = measure.of(definition.selectionSet)
    if (size.selections > MAX_SELECTIONS) {
      throw limitExceeded(
        `query has ${size.selections} selections, maximum allowed is ${MAX_SELECTIONS}`,
      )
    }
    if (size.schemas > MAX_SCHEMA_FIELDS) throw tooManySchemas(size.schemas)
    if (isIntrospection(definition) && settings.introspection) continue
    checkOperation(size, settings)
  }
}

function checkOperation(size: Size, settings: GraphqlSettings): void {
  const { maxDepth, maxFieldsPerLevel, allowFragments } = settings
  if (size.spreads && !allowFragments) {
    throw limitExceeded('Fragment spreads are not allowed for security reasons')
  }
  if (maxDepth > 0 && size.depth > maxDepth) throw tooDeep(size.depth, maxDepth)
  if (maxFieldsPerLevel > 0 && size.fields > maxFieldsPerLevel) {
    throw limitExceeded(
      `query has ${size.fields} unique fields at a level, maximum allowed is ${maxFieldsPerLevel}`,
    )
  }
}

const META = new Set(['__schema', '__type', '__typename'])

/** Asks for the schema and nothing else. */
export const isIntrospection = ({ selectionSet }: OperationDefinitionNode): boolean =>
  selectionSet.selections.every((one) => one.kind === Kind.FIELD && META.has(one.name.value))

const tooManySchemas = (times: number) =>
  limitExceeded(`query asks for __schema ${times} times, maximum allowed is ${MAX_SCHEMA_FIELDS}`)

/** Measures selection sets; each fragment once, however often it is spread. */
class Measure {
  readonly #fragments = new Map<string, FragmentDefinitionNode>()
  readonly #sizes = new Map<string, Size>()

  constructor({ definitions }: DocumentNode) {
    for (const one of definitions) {
      if (one.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(one.name.value, one)
    }
  }

  of({ selections }: SelectionSetNode): Size {
    // The parser lets them pass.
    if (selections.length === 0) throw emptySelection()
    const names = new Set<string>()
    const size: Size = {
      depth: 1,
      selections: selections.length,
      fields: 0,
      schemas: 0,
      spreads: false,
    }
    for (const one of selections) {
      if (one.kind === Kind.FIELD) {
        names.add(one.name.value)
        if (one.name.value === '__schema') size.schemas += 1
      }
      const inner =
        one.kind === Kind.FRAGMENT_SPREAD
          ? this.#named(one.name.value)
          : one.selectionSet && this.of(one.selectionSet)
      if (one.kind === Kind.FRAGMENT_SPREAD) size.spreads = true
      if (inner) widen(size, inner)
    }
    size.fields = Math.max(size.fields, names.size)
    return size
  }

  /** Of a fragment that spreads itself only the first round: validation will refuse it. */
  #named(name: string): Size | undefined {
    const known = this.#sizes.get(name)
    if (known) return known
    const fragment = this.#fragments.get(name)
    if (!fragment) return undefined
    this.#sizes.set(name, { depth: 0, selections: 0, fields: 0, schemas: 0, spreads: true })
    const size = this.of(fragment.selectionSet)
    this.#sizes.set(name, size)
    return size
  }
}

function widen(size: Size, inner: Size): void {
  size.depth = Math.max(size.depth, inner.depth + 1)
  size.selections += inner.selections
  size.schemas += inner.schemas
  size.fields = Math.max(size.fields, inner.fields)
  size.spreads ||= inner.spreads
}
