/** An app with notes of two users, and short ways to deploy and call functions of it. */
import { beforeAll, expect } from 'vitest'
import { type App, applySchema, body, newApp } from '../support.ts'
import { newUser, server, type User } from './server.ts'

export let app: App
export let ada: User
export let bob: User

export const HELLO = `export default async function handler(req, ctx) {
  return Response.json({ message: 'Hello!' })
}`

const OPEN = { type: 'http', config: { auth: 'none' } }

export const handler = (text: string): string => `export default async (req, ctx) => { ${text} }`

const noteColumns = {
  id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
  user_id: { type: 'uuid' },
  text: { type: 'text' },
  shared: { type: 'boolean', default: 'false' },
}

export type Logged = Record<string, unknown> & {
  consoleLogs: { level: string; message: string; timestamp: number }[]
}

export const post = (asked: object) => server.owner.post(`${app.path}/functions`, asked)
export const deploy = (name: string, code: string, more: object = {}) =>
  body(post({ name, code, trigger: OPEN, ...more }))
export const fn = (name: string) => `${app.path}/fn/${name}`
export const one = (name: string) => `${app.path}/functions/${name}`
export const call = <T = Record<string, unknown>>(name: string, status = 200) =>
  body<T>(server.nobody.post(fn(name)), status)

/** The log, once it has so many entries. */
export async function logs(name: string, count = 1, query = ''): Promise<Logged[]> {
  const read = async () =>
    (await body<{ logs: Logged[] }>(server.owner.get(`${one(name)}/logs${query}`))).logs
  await expect
    .poll(async () => (await read()).length, { timeout: 5000 })
    .toBeGreaterThanOrEqual(count)
  return read()
}

beforeAll(async () => {
  app = await newApp(server)
  await applySchema(server, app, { tables: { notes: { columns: noteColumns } } })
  const isolation = { table_name: 'notes', user_column: 'user_id', public_read_column: 'shared' }
  await body(server.owner.post(`${app.path}/rls`, isolation))
  ada = await newUser(app)
  bob = await newUser(app)
  await body(ada.post(`${app.path}/notes`, { text: 'of ada' }), 201)
  await body(bob.post(`${app.path}/notes`, { text: 'of bob', shared: true }), 201)
})
