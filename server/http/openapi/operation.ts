/** One route as operations of the document. */
import type { z } from 'zod'
import { type About, type AccessWord, type RouteDocs } from '#http/about'
import type { ListedRoute } from '#http/routes'
import { type Operation, type Schema, SECURITY_SCHEMES, type Version } from './document.ts'
import { operationIdOf, parametersIn } from './paths.ts'
import { mayBeAbsent, schemaOf } from './schema.ts'

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
  id: 'Id of the row: the value of its primary key',
  function: 'Name of the function',
  function_name: 'Name of the function',
  name: 'Name',
}

/** @param path the route's path as the document spells it */
export function operationOf(
  route: ListedRoute,
  { path, method, version }: { path: string; method: string; version: Version },
): Operation {
  const { dialect, access, summary, docs } = route
  const body = BODIED.has(method) ? bodyOf(route, version) : undefined
  return {
    operationId: operationIdOf(method, path),
    tags: [dialect.title],
    summary,
    ...(docs?.description === undefined ? {} : { description: docs.description }),
    ...accessOf(access, dialect.access[access]),
    ...parametersOf(path, docs, dialect),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...goodAnswer(route, method, version), ...errorAnswers(dialect) },
  }
}

const BODIED = new Set(['post', 'put', 'patch', 'delete'])

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

const optional = (where: string, given: Readonly<Record<string, string>> = {}): Schema[] =>
  Object.entries(given).map(([name, description]) => ({
    name,
    in: where,
    description,
    schema: { type: 'string' },
  }))

function parametersOf(path: string, docs: RouteDocs | undefined, dialect: About): Operation {
  const parameters = [
    ...parametersIn(path).map(pathParameter),
    ...optional('query', docs?.query),
    ...optional('header', docs?.headers),
    ...(dialect.namesAppByHeader ? [TENANT] : []),
  ]
  return parameters.length > 0 ? { parameters } : {}
}

function bodyOf({ body, docs, method }: ListedRoute, version: Version): Schema | undefined {
  if (body) {
    const content = { 'application/json': { schema: schemaOf(body, version) } }
    return { required: !mayBeAbsent(body), content }
  }
  if (docs?.content) return { required: method !== 'all', content: media(docs.content, version) }
  return undefined
}

const media = (content: Readonly<Record<string, z.ZodType>>, version: Version): Schema =>
  Object.fromEntries(
    Object.entries(content).map(([type, shape]) => [type, { schema: schemaOf(shape, version) }]),
  )

function goodAnswer({ answer, docs }: ListedRoute, method: string, version: Version): Schema {
  const description = 'Done'
  const schema = answer ? schemaOf(answer, version, 'output') : {}
  const content = { [docs?.type ?? 'application/json']: { schema } }
  const statuses = [docs?.status ?? 200].flat()
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      method === 'head' || status === 204 ? { description } : { description, content },
    ]),
  )
}

/** The dialect's errors, by reference. */
export function errorAnswers({ error }: About): Schema {
  const answer = { $ref: `#/components/responses/${error.name}` }
  return { '4XX': answer, '5XX': answer }
}
