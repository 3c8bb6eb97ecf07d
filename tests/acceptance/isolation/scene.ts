/** The people and things of the isolation matrix: two users of one app, and everybody who is not. */
import { expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

export const EVERYBODY = [
  'nobody',
  'anon key',
  'user A',
  'user B',
  'service key',
  'service key of another app',
  'owner',
  'stranger',
  'revoked key',
] as const

export type Who = (typeof EVERYBODY)[number]

export type Scene = AsyncDisposable & {
  app: TestApp
  /** The app whose isolation is asked about. */
  appId: string
  /** An id that no app has. */
  unknownId: string
  as(who: Who): Client
  /** An app of the same owner that may be broken or deleted, with a service key of its own. */
  throwaway(): Promise<{ id: string; serviceKey: string }>
  /** A key of the owner that may be revoked. */
  throwawayKey(): Promise<string>
  /** A row of user A in `notes`, which user isolation protects. */
  noteOfA(): Promise<string>
  /** A fresh client key of user A. */
  clientKeyOfA(): Promise<string>
  /** A fresh function that anybody signed in may call. */
  throwawayFunction(): Promise<string>
  /** Address and password of a user who exists. */
  regular(): Promise<{ email: string; password: string }>
  /** A user of the app that may be deleted. */
  throwawayUser(): Promise<{ id: string; accessToken: string; refreshToken: string }>
}

const NOTES = {
  tables: {
    notes: {
      columns: {
        id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
        user_id: { type: 'uuid' },
        text: { type: 'text', nullable: false },
      },
    },
    scratch: { columns: { id: { type: 'uuid', primaryKey: true } } },
  },
}

const FUNCTION = `export default async (_req, ctx) =>
  Response.json((await ctx.db.query('select count(*)::int as n from notes')).rows[0])`

export const PASSWORD = 'Correct-Horse-7'

async function good<T>(res: Response): Promise<T> {
  const text = await res.text()
  expect([res.url, res.status < 300, text]).toEqual([res.url, true, text])
  return JSON.parse(text) as T
}

type SignedIn = { access_token: string; refresh_token: string; user: { id: string } }

let people = 0

async function signIn(app: TestApp, appId: string): Promise<SignedIn> {
  const email = `person${++people}@example.com`
  await good(await app.nobody.post(`/auth/${appId}/signup`, { email, password: PASSWORD }))
  return good(await app.nobody.post(`/auth/${appId}/login`, { email, password: PASSWORD }))
}

async function furnish(app: TestApp, appId: string): Promise<void> {
  await good(await app.owner.post(`/v1/${appId}/schema/apply`, { schema: NOTES }))
  const isolation = { table_name: 'notes', user_column: 'user_id' }
  await good(await app.owner.post(`/v1/${appId}/rls`, isolation))
  await good(await app.owner.post(`/v1/${appId}/functions`, { name: 'count', code: FUNCTION }))
}

async function mint(app: TestApp): Promise<{ key: string; id: string }> {
  return good(await app.owner.post('/api-keys', { name: 'isolation' }))
}

export async function setScene(): Promise<Scene> {
  const app = await startApp({ env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
  const victim = await app.createApp('victim')
  const other = await app.createApp('other')
  await furnish(app, victim.id)
  const [userA, userB] = [await signIn(app, victim.id), await signIn(app, victim.id)]
  const revoked = await mint(app)
  await good(await app.owner.delete(`/api-keys/${revoked.id}`))
  const stranger = await app.stranger()
  const clients: Record<Who, Client> = {
    nobody: app.nobody,
    'anon key': app.as(victim.anonKey),
    'user A': app.as(userA.access_token),
    'user B': app.as(userB.access_token),
    'service key': app.as(victim.serviceKey),
    'service key of another app': app.as(other.serviceKey),
    owner: app.owner,
    stranger,
    'revoked key': app.as(revoked.key),
  }
  let functions = 0
  return {
    app,
    appId: victim.id,
    unknownId: 'app_000000000000',
    as: (who) => clients[who],
    throwaway: () => app.createApp(),
    throwawayKey: async () => (await mint(app)).id,
    async noteOfA() {
      const res = await clients['user A'].post(`/v1/${victim.id}/notes`, { text: 'of A' })
      return (await good<{ id: string }>(res)).id
    },
    async clientKeyOfA() {
      const asked = { name: 'of A', scopes: ['tables:read'] }
      const res = await clients['user A'].post('/api/v1/client-keys', asked)
      return (await good<{ id: string }>(res)).id
    },
    async throwawayFunction() {
      const name = `fn${++functions}`
      await good(await app.owner.post(`/v1/${victim.id}/functions`, { name, code: FUNCTION }))
      return name
    },
    async regular() {
      const somebody = { email: 'regular@example.com', password: PASSWORD }
      await app.nobody.post(`/auth/${victim.id}/signup`, somebody)
      return somebody
    },
    async throwawayUser() {
      const signedIn = await signIn(app, victim.id)
      const { access_token: accessToken, refresh_token: refreshToken } = signedIn
      return { id: signedIn.user.id, accessToken, refreshToken }
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  }
}
