/**
 * Answers about the schema. graphql-js would hold everybody up while it resolves one for a thousand
 * tables, so its own fields are written here as JSON, type by type, in slices.
 */
import {
  __Schema,
  __Type,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getArgumentValues,
  isListType,
  isNamedType,
  isNonNullType,
  isObjectType,
  TypeMetaFieldDef,
} from 'graphql'
import { Slices } from '#core/slices'
import { Chunks } from './chunks.ts'
import { TYPENAME } from './compiling.ts'
import { type Selected, type Selecting, selectedIn } from './selection.ts'

/** One that was asked for at the root: `__schema` or `__type`. */
export type Asked = Selecting & { schema: GraphQLSchema; selected: Selected }

type Write = (source: unknown) => string

type Entry = { key: string; name: string; selected: Selected; write: Write }

/** @throws `invalid` graphql_limit when the answer would be very large */
export async function writeIntrospection(asked: Asked): Promise<Chunks> {
  const out = new Chunks()
  await new Introspecting(asked, out).root()
  return out.close()
}

class Introspecting {
  readonly #asked: Asked
  readonly #out: Chunks
  readonly #slices = new Slices()

  constructor(asked: Asked, out: Chunks) {
    this.#asked = asked
    this.#out = out
  }

  async root(): Promise<void> {
    const { schema, selected, given } = this.#asked
    if (selected.node.name.value === '__schema') {
      await this.#each(this.#entries(__Schema, selected.sets), schema)
      return
    }
    const { name } = getArgumentValues(TypeMetaFieldDef, selected.node, given.variables)
    await this.#type(schema.getType(String(name)), selected.sets)
  }

  /** The fields of the schema itself: what they hold is long. */
  async #each(entries: readonly Entry[], schema: GraphQLSchema): Promise<void> {
    this.#out.add('{')
    for (const [at, { key, name, selected, write }] of entries.entries()) {
      this.#out.add(`${at === 0 ? '' : ','}"${key}":`)
      if (name === 'types') {
        const names = namesIn(schema.getTypeMap())
        await this.#list(names, (one) => this.#type(schema.getType(one), selected.sets))
      } else if (name === 'queryType') await this.#type(schema.getQueryType(), selected.sets)
      else if (name === 'mutationType') await this.#type(schema.getMutationType(), selected.sets)
      else this.#out.add(write(schema))
    }
    this.#out.add('}')
  }

  async #list<T>(items: readonly T[], write: (item: T) => Promise<void> | void): Promise<void> {
    this.#out.add('[')
    for (const [at, item] of items.entries()) {
      if (at > 0) this.#out.add(',')
      const writing = write(item)
      if (writing) await writing
      if (this.#slices.isOver) await this.#slices.next()
    }
    this.#out.add(']')
  }

  /** One type; of Query and Mutation field by field. */
  #type(type: unknown, sets: Selected['sets']): Promise<void> | void {
    const { schema } = this.#asked
    if (!type) {
      this.#out.add('null')
      return undefined
    }
    const isRoot = type === schema.getQueryType() || type === schema.getMutationType()
    if (isRoot) return this.#rootType(type as GraphQLObjectType, sets)
    this.#out.add(this.#object(__Type, sets)(type))
    return undefined
  }

  async #rootType(type: GraphQLObjectType, sets: Selected['sets']): Promise<void> {
    const fields = type.getFields()
    this.#out.add('{')
    for (const [at, { key, name, selected, write }] of this.#entries(__Type, sets).entries()) {
      this.#out.add(`${at === 0 ? '' : ','}"${key}":`)
      if (name !== 'fields') this.#out.add(write(type))
      else {
        const item = this.#itemOf(__Type, selected)
        await this.#list(namesIn(fields), (one) => this.#out.add(item(fields[one])))
      }
    }
    this.#out.add('}')
  }

  readonly #written = new Map<string, Write>()
  readonly #ids = new Map<Selected['sets'][number], number>()

  /** Made once for a type and what is selected of it. */
  #object(type: GraphQLObjectType, sets: Selected['sets']): Write {
    const key = `${type.name} ${sets.map((set) => this.#idOf(set)).join()}`
    let write = this.#written.get(key)
    if (!write) {
      const entries = this.#entries(type, sets)
      write = (source) => {
        let text = '{'
        for (const { key: name, write: part } of entries) {
          text += `${text.length === 1 ? '' : ','}"${name}":${part(source)}`
        }
        return `${text}}`
      }
      this.#written.set(key, write)
    }
    return write
  }

  #idOf(set: Selected['sets'][number]): number {
    const id = this.#ids.get(set) ?? this.#ids.size
    this.#ids.set(set, id)
    return id
  }

  #entries(type: GraphQLObjectType, sets: Selected['sets']): Entry[] {
    return selectedIn(sets, type.name, this.#asked).map((selected) => {
      const { key, node } = selected
      const name = node.name.value
      return { key, name, selected, write: this.#field(type, selected) }
    })
  }

  #field(type: GraphQLObjectType, selected: Selected): Write {
    const { schema, given } = this.#asked
    const name = selected.node.name.value
    if (name === TYPENAME) return () => JSON.stringify(type.name)
    const field = fieldOf(type, name)
    const args = getArgumentValues(field, selected.node, given.variables)
    const resolve = field.resolve as unknown as Resolve
    const complete = this.#value(field.type, selected)
    return (source) => complete(resolve(source, args, undefined, { schema }))
  }

  /** How one item of a list field is written. */
  #itemOf(type: GraphQLObjectType, selected: Selected): Write {
    const field = fieldOf(type, selected.node.name.value)
    const list = isNonNullType(field.type) ? field.type.ofType : field.type
    return this.#value(isListType(list) ? (list.ofType as GraphQLOutputType) : list, selected)
  }

  #value(type: GraphQLOutputType, selected: Selected): Write {
    if (isNonNullType(type)) return this.#value(type.ofType as GraphQLOutputType, selected)
    if (isListType(type)) {
      const item = this.#value(type.ofType as GraphQLOutputType, selected)
      return (value) =>
        value ? `[${Array.from(value as Iterable<unknown>, item).join(',')}]` : 'null'
    }
    if (isObjectType(type)) {
      const object = this.#object(type, selected.sets)
      const write = type === __Type ? remembered(object) : object
      return (value) => (value ? write(value) : 'null')
    }
    return (value) => JSON.stringify(value ?? null)
  }
}

/** `Object.keys` would ask after each of them. */
const namesIn = (record: object): string[] => Reflect.ownKeys(record).map(String)

/** Each field and argument has a type, and most have one of a few; lists of it and the like are made anew each time. */
function remembered(write: Write): Write {
  const kept = new Map<unknown, string>()
  return (source) => {
    if (!isNamedType(source)) return write(source)
    let text = kept.get(source)
    if (text === undefined) {
      text = write(source)
      kept.set(source, text)
    }
    return text
  }
}

/** graphql-js's own, of the types that describe a schema. */
type Resolve = (...given: [unknown, object, undefined, { schema: GraphQLSchema }]) => unknown

function fieldOf(type: GraphQLObjectType, name: string): GraphQLField<unknown, unknown> {
  const field = type.getFields()[name]
  if (field) return field
  throw new Error(`${type.name} has no field ${name}`)
}
