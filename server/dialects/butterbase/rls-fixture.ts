/** Posts of two users and the roles that look at them, for the tests of row security. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'

export let app: TestApp
export let id: string

export const ADA = randomUUID()
export const BOB = randomUUID()

export const COLUMNS = {
  id: { type: 'serial', primaryKey: true },
  user_id: { type: 'uuid' },
  owner: { type: 'text' },
  body: { type: 'text' },
  shared: { type: 'boolean', default: 'false' },
}

type Answer = Record<string, unknown> & {
  error: { code: string; message: string; remediation: string; details: unknown }
}

export const call = async (method: string, path: string, body?: object) => {
  const res = await app.owner.request(method, `/v1/${id}/${path}`, body)
  return { status: res.status, body: (await res.json()) as Answer }
}

export const good = async (method: string, path: string, body?: object): Promise<Answer> => {
  const answer = await call(method, path, body)
  expect([answer.status, answer.body.error]).toEqual([200, undefined])
  return answer.body
}

export const refused = async (method: string, path: string, body?: object) => {
  const answer = await call(method, path, body)
  return [answer.status, answer.body.error?.code]
}

export const sql = (text: string, values?: unknown[]) => app.sql(text, values, id)

type Row = Record<string, unknown>

/** As a caller of the API: the login role of the app, then one of the three roles, with claims. */
async function as(role: string, sub: string, text: string): Promise<Row[]> {
  const found = await app.instance.services.apps.find(id)
  if (!found) throw new Error('the app is not there')
  const { api } = app.instance.services.apps.databasesOf(found)
  return api.session(async (client) => {
    await client.query('begin')
    await client.query(
      `select set_config('role', $1, true), set_config('request.jwt.claim.sub', $2, true),
        set_config('request.jwt.claims', $3, true)`,
      [role, sub, JSON.stringify({ role, sub })],
    )
    const { rows } = await client.query<Row>(text)
    await client.query('commit')
    return rows
  })
}

export const ada = (text: string) => as('authenticated', ADA, text)
export const bob = (text: string) => as('authenticated', BOB, text)
export const nobody = (text: string) => as('anon', '', text)
export const service = (text: string) => as('service_role', '', text)

export const policies = async (): Promise<Row[]> => (await good('GET', 'rls')) as unknown as Row[]

/** Gives each test of a file an app with posts and teams, in one Stead that ends after them. */
export function usePosts(): void {
  beforeAll(async () => {
    app = await startApp()
  })

  beforeEach(async () => {
    id = (await app.createApp()).id
    const tables = { posts: { columns: COLUMNS }, teams: { columns: COLUMNS } }
    const res = await app.owner.post(`/v1/${id}/schema/apply`, { schema: { tables } })
    expect(res.status).toBe(200)
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
