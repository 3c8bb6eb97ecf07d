/** An OpenAPI document, put together from parts: the routes of the instance, the tables of an app. */
import { version as productVersion } from '#core/version'
import type { Carrier } from '#http/about'

export type Version = '3.0' | '3.1'

/** A schema, in the language of the version it was made for. */
export type Schema = Record<string, unknown>

export type Operation = Record<string, unknown>

/** Method in lower case → operation. */
export type PathItem = Record<string, Operation>

export type Parts = {
  tags: readonly { name: string; description: string }[]
  paths: Record<string, PathItem>
  components: Record<'schemas' | 'responses' | 'parameters', Record<string, Schema>>
}

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

export type DocumentFacts = {
  version: Version
  /** Where the instance is reached, without a slash at the end. */
  origin: string
  /** Of the same version; for one path, the earlier part's operation of a method counts. */
  parts: readonly Parts[]
}

export function openApiDocument({ version, origin, parts }: DocumentFacts): Schema {
  return {
    openapi: EXACT[version],
    info: {
      title: 'Stead',
      version: productVersion,
      description:
        'Every route of this instance. `x-access` says who may call it. For whoever manages an app, the document also holds its tables.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: origin }],
    tags: parts.flatMap(({ tags }) => tags),
    paths: joined(parts.map(({ paths }) => paths)),
    components: {
      schemas: Object.assign({}, ...parts.map(({ components }) => components.schemas)),
      responses: Object.assign({}, ...parts.map(({ components }) => components.responses)),
      parameters: Object.assign({}, ...parts.map(({ components }) => components.parameters)),
      securitySchemes: Object.fromEntries(Object.values(SECURITY_SCHEMES)),
    },
  }
}

function joined(all: readonly Record<string, PathItem>[]): Record<string, PathItem> {
  const paths: Record<string, PathItem> = {}
  for (const part of all) {
    for (const [path, item] of Object.entries(part)) {
      const present = Object.hasOwn(paths, path) ? paths[path] : undefined
      put(paths, path, present ? { ...item, ...present } : item)
    }
  }
  return paths
}

/** Sets a field whatever its name is: a table may be called `__proto__`. */
export function put<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}
