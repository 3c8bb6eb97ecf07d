/** An OpenAPI document, put together from parts: the routes of the instance, the tables of an app. */
import { Pieces } from '#core/pieces'
import { Slices } from '#core/slices'
import { version as productVersion } from '#core/version'
import type { Carrier } from '#http/about'

export type Version = '3.0' | '3.1'

/** A schema, in the language of the version it was made for. */
export type Schema = Record<string, unknown>

export type Operation = Record<string, unknown>

export type ComponentKind = 'schemas' | 'responses' | 'parameters'

const EXACT = { '3.0': '3.0.3', '3.1': '3.1.1' } as const satisfies Record<Version, string>

/** Where each kind of credential stands in a request. */
export const SECURITY_SCHEMES: Readonly<Record<Carrier, readonly [name: string, scheme: Schema]>> =
  {
    bearer: [
      'bearerAuth',
      {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'A platform key, a key of the app, or a user’s access token.',
      },
    ],
    apikey: [
      'apikey',
      { type: 'apiKey', in: 'header', name: 'apikey', description: 'As a bearer token.' },
    ],
    serviceKey: [
      'serviceKey',
      {
        type: 'apiKey',
        in: 'header',
        name: 'X-Service-Key',
        description: 'The service key of an app.',
      },
    ],
    clientKey: [
      'clientKey',
      {
        type: 'apiKey',
        in: 'header',
        name: 'X-Client-Key',
        description: 'The client key of an app.',
      },
    ],
  }

/** A part of a document writes itself into it; whoever is long asks for `pause` now and then. */
export type Part = (draft: Draft) => Promise<void>

/**
 * A document in the making. Each operation and each component becomes text as soon as it is known: of a
 * thousand tables the objects would be many times as large, and one text of all would hold others up.
 */
export class Draft {
  readonly version: Version
  readonly #slices = new Slices()
  readonly #tags: Schema[] = []
  readonly #ids = new Set<string>()
  /** Path → method → operation. */
  readonly #paths = new Map<string, Map<string, string>>()
  readonly #components: Record<ComponentKind, Map<string, string>> = {
    schemas: new Map(),
    responses: new Map(),
    parameters: new Map(),
  }

  constructor(version: Version) {
    this.version = version
  }

  tag(name: string, description: string): void {
    this.#tags.push({ name, description })
  }

  /** An operation id, with a number where it is taken. */
  freeId(wanted: string): string {
    let id = wanted
    for (let n = 2; this.#ids.has(id); n++) id = `${wanted}_${n}`
    this.#ids.add(id)
    return id
  }

  /** The first operation of a path and method counts. @param make called only where it does */
  operation(path: string, method: string, make: () => Operation): void {
    const item = this.#paths.get(path) ?? new Map<string, string>()
    this.#paths.set(path, item)
    if (!item.has(method)) item.set(method, JSON.stringify(make()))
  }

  component(kind: ComponentKind, name: string, component: Schema): void {
    this.#components[kind].set(name, JSON.stringify(component))
  }

  /** Lets others have a turn, when it is time. */
  pause(): Promise<void> | undefined {
    return this.#slices.isOver ? this.#slices.next() : undefined
  }

  /** The document as JSON. @param origin where the instance is reached, without a slash at the end */
  async close(origin: string): Promise<Pieces> {
    const out = new Pieces()
    out.add(`${JSON.stringify(headOf(this.version, origin, this.#tags)).slice(0, -1)},"paths":`)
    await out.addObject(objects(this.#paths), this.#slices)
    out.add(',"components":{')
    for (const [kind, all] of Object.entries(this.#components)) {
      out.add(`${JSON.stringify(kind)}:`)
      await out.addObject(all, this.#slices)
      out.add(',')
    }
    const schemes = Object.fromEntries(Object.values(SECURITY_SCHEMES))
    out.add(`"securitySchemes":${JSON.stringify(schemes)}}}`)
    return out.close()
  }
}

/** Each of them as JSON when it is its turn. */
function* objects(
  all: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Iterable<[name: string, json: string]> {
  for (const [name, fields] of all) yield [name, objectText(fields)]
}

const headOf = (version: Version, origin: string, tags: readonly Schema[]): Schema => ({
  openapi: EXACT[version],
  info: {
    title: 'Stead',
    version: productVersion,
    description:
      'Every route of this instance. `x-access` says who may call it. For whoever manages an app, the document also holds its tables and functions. `/llms.txt` leads through a first app; `/docs/errors` says what each error code means.',
    license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  },
  servers: [{ url: origin }],
  tags,
})

const objectText = (fields: ReadonlyMap<string, string>): string =>
  `{${[...fields].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
