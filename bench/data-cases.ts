/** The requests of the data benches, shared by all who are measured with them. */
import type { HttpRequest } from './load.ts'
import { ITEMS, type Subject } from './subject.ts'

export type Case = {
  name: string
  next: () => HttpRequest
  /** Least share of what the bare client does. */
  bar: number
}

/** Keys, single writes and calls: most of the time is HTTP's. */
const SMALL = 0.45
/** Lists and embeds: most of the time is PostgreSQL's. */
const LARGE = 0.7

export const randomId = (): number => 1 + Math.floor(Math.random() * ITEMS)

export const LIST = '/rest/v1/items?order=id.desc&limit=20'

export const EMBED =
  '/rest/v1/items?select=id,title,project:projects(id,name),comments(id,body)&order=id.desc&limit=20'

export const GRAPHQL_EMBED = `query ($limit: Int) { items(orderBy: [{id: DESC}], limit: $limit) {
  id title project { id name } comments { id body } } }`

const NEW_ROW = '{"title":"a new item","done":false}'

const THOUSAND = JSON.stringify(
  Array.from({ length: 1_000 }, (_, at) => ({ title: `new item ${at}`, done: at % 2 === 0 })),
)

export function casesOf({ token }: Subject): Case[] {
  return [...reads(token), ...writes(token)]
}

const TABLES = '/api/v1/tables'

function reads(token: string): Case[] {
  const { get, post } = requestsAs(token)
  const tables = `${TABLES}/items`
  const counted = get(() => '/rest/v1/items?select=id&limit=1', 'prefer: count=exact\r\n')
  const ask = JSON.stringify({ query: GRAPHQL_EMBED, variables: { limit: 20 } })
  return [
    { name: 'get by key, rest', next: get(() => `/rest/v1/items?id=eq.${randomId()}`), bar: SMALL },
    { name: 'get by key, tables', next: get(() => `${tables}?id=eq.${randomId()}`), bar: SMALL },
    { name: 'list of 20, rest', next: get(() => LIST), bar: LARGE },
    {
      name: 'list of 20, tables',
      next: get(() => `${tables}?order=id.desc&limit=20`),
      bar: LARGE,
    },
    { name: 'list of 20 with embeds both ways, rest', next: get(() => EMBED), bar: LARGE },
    {
      name: 'list of 20 with embeds both ways, graphql',
      next: post('/api/v1/graphql', () => ask),
      bar: LARGE,
    },
    { name: `count of ${ITEMS}, rest`, next: counted, bar: LARGE },
    {
      name: 'function call, rest',
      next: post('/rest/v1/rpc/item_of', () => `{"item":${randomId()}}`),
      bar: SMALL,
    },
  ]
}

function writes(token: string): Case[] {
  const { post, patch } = requestsAs(token)
  const represented = 'prefer: return=representation\r\n'
  return [
    {
      name: 'insert one, rest',
      next: post('/rest/v1/drafts', () => NEW_ROW, represented),
      bar: SMALL,
    },
    { name: 'insert one, tables', next: post(`${TABLES}/drafts`, () => NEW_ROW), bar: SMALL },
    { name: 'insert 1,000, rest', next: post('/rest/v1/drafts', () => THOUSAND), bar: SMALL },
    {
      name: 'update by key, rest',
      next: patch(() => `/rest/v1/tasks?id=eq.${randomId()}`, '{"done":true}'),
      bar: SMALL,
    },
  ]
}

/** Makers of requests that show a token. */
export function requestsAs(token: string, more = '') {
  const auth = `authorization: Bearer ${token}\r\n${more}`
  const json = `${auth}content-type: application/json\r\n`
  return {
    get:
      (path: () => string, headers = '') =>
      (): HttpRequest => ({ method: 'GET', path: path(), headers: `${auth}${headers}` }),
    post:
      (path: string, body: () => string, headers = '') =>
      (): HttpRequest => ({ method: 'POST', path, headers: `${json}${headers}`, body: body() }),
    patch: (path: () => string, body: string) => (): HttpRequest => ({
      method: 'PATCH',
      path: path(),
      headers: json,
      body,
    }),
  }
}
