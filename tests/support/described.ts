/** Whether answers are as the OpenAPI document says: status, content type and body. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

type Json = Record<string, unknown>

type Answers = Record<string, { $ref?: string; content?: Record<string, { schema?: Json }> }>

export type OpenApiDocument = {
  openapi: string
  paths: Record<string, Record<string, Json & { responses: Answers }>>
  components: Record<'schemas' | 'responses' | 'parameters', Record<string, Json>>
}

export class Described {
  readonly document: OpenApiDocument
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, verbose: true })
  readonly #compiled = new Map<string, ValidateFunction>()
  readonly #paths: Map<string, string>

  constructor(document: OpenApiDocument) {
    this.document = document
    addFormats.default(this.#ajv)
    // Formats that say how wide a number is.
    for (const format of ['int32', 'int64', 'float', 'double']) this.#ajv.addFormat(format, true)
    this.#ajv.addSchema(asJsonSchema(document, document.openapi.startsWith('3.0')) as Json, 'doc')
    this.#paths = new Map(Object.keys(document.paths).map((path) => [shapeOf(path), path]))
  }

  /** What is not as it is described; undefined: nothing. Reads the body, unless it never ends. */
  async wrongIn(
    route: { method: string; path: string },
    res: Response,
  ): Promise<string | undefined> {
    const method = route.method.toLowerCase()
    const path = this.#paths.get(shapeOf(route.path))
    const operation = path === undefined ? undefined : this.document.paths[path]?.[method]
    if (path === undefined || !operation) return 'the operation is not described'
    const found = answerFor(operation.responses, res.status)
    if (!found) return `the status ${res.status} is not described`
    const [status, answer] = found
    const at = answer.$ref?.slice(2).split('/') ?? ['paths', path, method, 'responses', status]
    const content = (this.#at(at) as Answers[string]).content ?? {}
    return this.#wrongBody(at, content, { method, res })
  }

  async #wrongBody(
    at: readonly string[],
    content: object,
    { method, res }: { method: string; res: Response },
  ): Promise<string | undefined> {
    const type = res.headers.get('content-type')?.split(';')[0]?.trim()
    if (type === 'text/event-stream') {
      await res.body?.cancel()
      return type in content ? undefined : `${type} is not described`
    }
    const text = await res.text()
    if (text === '') {
      const isBare = method === 'head' || Object.keys(content).length === 0
      return isBare || 'text/csv' in content ? undefined : 'the body is missing'
    }
    const described = [type ?? '', '*/*'].find((one) => one in content)
    if (described === undefined) return `${type} is not described for ${res.status}: ${text}`
    const value: unknown = /\bjson$/.test(type ?? '') ? JSON.parse(text) : text
    const validate = this.#validator([...at, 'content', described, 'schema'])
    if (validate(value)) return undefined
    const errors = (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
    return `${res.status} ${errors.join('; ')} in ${text}`
  }

  #at(steps: readonly string[]): unknown {
    return steps.reduce<unknown>((node, step) => (node as Json)[step], this.document)
  }

  #validator(steps: readonly string[]): ValidateFunction {
    const pointer = steps
      .map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    const known = this.#compiled.get(pointer)
    const validate = known ?? this.#ajv.compile({ $ref: `doc#/${pointer}` })
    this.#compiled.set(pointer, validate)
    return validate
  }
}

const shapeOf = (path: string): string => path.replaceAll(/\{[^}]*\}/g, '{}')

function answerFor(answers: Answers, status: number): [string, Answers[string]] | undefined {
  const key = [String(status), `${Math.floor(status / 100)}XX`, 'default'].find(
    (one) => one in answers,
  )
  const answer = key === undefined ? undefined : answers[key]
  return key === undefined || !answer ? undefined : [key, answer]
}

/**
 * The document with its schemas as the validator reads them: 3.0 has words of its own, and a field that is not
 * described counts as a mistake here, though readers are told to expect more fields in a later release.
 */
function asJsonSchema(node: unknown, isOld: boolean): unknown {
  if (Array.isArray(node)) return node.map((one) => asJsonSchema(one, isOld))
  if (typeof node !== 'object' || node === null) return node
  const copy: Json = {}
  for (const [key, value] of Object.entries(node)) copy[key] = asJsonSchema(value, isOld)
  const isClosed = copy.type === 'object' && 'properties' in copy
  if (isClosed && !('additionalProperties' in copy)) copy.additionalProperties = false
  return isOld ? withoutOldWords(copy) : copy
}

function withoutOldWords({ nullable, ...schema }: Json): Json {
  if (schema.exclusiveMinimum === true) {
    schema.exclusiveMinimum = schema.minimum
    delete schema.minimum
  }
  if (nullable === undefined) return schema
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : { ...schema, nullable }
}
