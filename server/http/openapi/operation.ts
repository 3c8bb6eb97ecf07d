/** One route as operations of the document. */
import { z } from 'zod'
import type { About, AccessWord, AnswerDocs, Given } from '#http/about'
import type { ListedRoute } from '#http/routes'
import { type Operation, type Schema, SECURITY_SCHEMES } from './document.ts'
import { operationIdOf, parametersIn } from './paths.ts'
import { mayBeAbsent, type Schemas } from './schema.ts'

/** What `all` stands for in the document. */
const EVERY_METHOD = ['get', 'post', 'put', 'patch', 'delete'] as const

export const methodsOf = ({ method }: ListedRoute): readonly string[] =>
  method === 'all' ? EVERY_METHOD : [method]

/** `tenant` and the errors by their names among the components. */
export const TENANT = { $ref: '#/components/parameters/Tenant' }

const PARAMETERS: Record<string, string> = {
  app_id: 'Id of the app, `app_…`',
  table: 'Name of the table',
  schema: 'Name of the schema',
  column: 'Name of the column',
  id: 'Which one is meant: of a row the value of its primary key',
  key: 'Name of the setting, with its dots',
  function: 'Name of the function',
  function_name: 'Name of the function',
  name: 'Name of the function',
  policy_name: 'Name of the policy',
  user_id: 'Id of the user',
  keyId: 'Id of the key',
}

type At = {
  /** The route's path as the document spells it. */
  path: string
  method: string
  schemas: Schemas
}

export function operationOf(route: ListedRoute, { path, method, schemas }: At): Operation {
  const { dialect, access, summary, docs } = route
  const body = BODIED.has(method) ? bodyOf(route, schemas) : undefined
  return {
    operationId: operationIdOf(method, path),
    tags: [dialect.title],
    summary,
    ...(docs?.description === undefined ? {} : { description: docs.description }),
    ...accessOf(access, accessTo(route)),
    ...parametersOf(path, route, schemas),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...errorAnswers(dialect), ...answersOf(route, method, schemas) },
  }
}

const BODIED = new Set(['post', 'put', 'patch', 'delete'])

/** A client key is good for nothing that names no scope, unless nobody in particular is let in. */
function accessTo({ access, scope, dialect }: ListedRoute): AccessWord | undefined {
  const word = dialect.access[access]
  if (!word || word.optional || scope !== undefined) return word
  return { ...word, carriers: word.carriers.filter((carrier) => carrier !== 'clientKey') }
}

/** Who may call: as security schemes for tools, as words for people. */
export function accessOf(word: string, access: AccessWord | undefined): Operation {
  const { meaning = word, carriers = [], optional = false } = access ?? {}
  const ways = carriers.map((carrier) => ({ [SECURITY_SCHEMES[carrier][0]]: [] }))
  return { security: optional ? [{}, ...ways] : ways, 'x-access': { word, meaning } }
}

export const pathParameter = (name: string): Schema => ({
  name,
  in: 'path',
  required: true,
  ...(Object.hasOwn(PARAMETERS, name) ? { description: PARAMETERS[name] } : {}),
  schema: { type: 'string' },
})

function parametersOf(path: string, { docs, dialect }: ListedRoute, schemas: Schemas): Operation {
  const optional = (where: string, all: Readonly<Record<string, Given>> = {}): Schema[] =>
    Object.entries(all).map(([name, given]) => ({ name, in: where, ...parameter(given, schemas) }))
  const parameters = [
    ...parametersIn(path).map(pathParameter),
    ...optional('query', docs?.query),
    ...optional('header', docs?.headers),
    ...(dialect.namesAppByHeader ? [TENANT] : []),
  ]
  return parameters.length > 0 ? { parameters } : {}
}

/** What is said of a parameter. */
export function parameter(given: Given, schemas: Schemas): Schema {
  if (typeof given === 'string') return { description: given, schema: { type: 'string' } }
  const { description, ...schema } = schemas.of(given)
  return { description, schema }
}

function bodyOf({ body, docs, method }: ListedRoute, schemas: Schemas): Schema | undefined {
  if (body) {
    return { required: !mayBeAbsent(body), content: { [JSON_TYPE]: { schema: schemas.of(body) } } }
  }
  if (docs?.content) {
    return { required: method !== 'all', content: media(docs.content, schemas, 'input') }
  }
  return undefined
}

const JSON_TYPE = 'application/json'

const media = (
  content: Readonly<Record<string, z.ZodType>>,
  schemas: Schemas,
  io: 'input' | 'output',
): Schema =>
  Object.fromEntries(
    Object.entries(content).map(([type, shape]) => [type, { schema: schemas.of(shape, io) }]),
  )

/** The answers that the route itself describes, by status. */
export function describedAnswers({ answer, docs }: Pick<ListedRoute, 'answer' | 'docs'>) {
  const shape = answer ?? (docs?.type === undefined ? undefined : z.string())
  const content = shape && { [docs?.type ?? JSON_TYPE]: shape }
  const isAlike = answer !== undefined || docs?.status !== undefined || !docs?.answers
  const statuses = isAlike ? [docs?.status ?? 200].flat() : []
  const alike = statuses.map((status): [string, AnswerDocs] => [
    String(status),
    content && status !== 204 ? { content } : {},
  ])
  return { ...Object.fromEntries(alike), ...docs?.answers }
}

function answersOf(route: ListedRoute, method: string, schemas: Schemas): Schema {
  const answers: Record<string, AnswerDocs> = describedAnswers(route)
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description = 'Done', content, headers = {} }]) => [
      status,
      {
        description,
        ...(Object.keys(headers).length === 0 ? {} : { headers: mapped(headers, headerOf) }),
        ...(content && method !== 'head' ? { content: media(content, schemas, 'output') } : {}),
      },
    ]),
  )
}

const headerOf = (description: string): Schema => ({ description, schema: { type: 'string' } })

const mapped = (texts: Readonly<Record<string, string>>, change: (text: string) => Schema) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, change(text)]))

/** The dialect's errors, by reference. */
export function errorAnswers({ error }: About): Schema {
  const answer = { $ref: `#/components/responses/${error.name}` }
  return { '4XX': answer, '5XX': answer }
}
