/** Users who sign up and in, for the tests of authentication. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

export const PASSWORD = 'Correct horse 1!'

export let app: TestApp
export let auth: string
/** How many milliseconds the instance's clock is ahead of ours; each test begins at none. */
export const clock = { aheadMs: 0 }

export type Tokens = {
  access_token: string
  refresh_token: string
  expires_in: number
  token_type: string
  user: { id: string; email: string }
}

export const json = async <T>(res: Response): Promise<T> => (await res.json()) as T

let made = 0
export const newEmail = (): string => `user${++made}@example.com`

export async function signUp(email = newEmail(), base = auth): Promise<string> {
  const res = await app.nobody.post(`${base}/signup`, { email, password: PASSWORD })
  expect(res.status).toBe(201)
  return email
}

export const logIn = (email: string, password = PASSWORD) =>
  app.nobody.post(`${auth}/login`, { email, password })

export async function newUser(): Promise<Tokens> {
  const res = await logIn(await signUp())
  expect(res.status).toBe(200)
  return json<Tokens>(res)
}

export const refresh = (token: string) =>
  app.nobody.post(`${auth}/refresh`, { refresh_token: token })

export const me = (token: string) => app.as(token).get(`${auth}/me`)

/** Code of the envelope that the data plane refuses with. */
export async function refusalCode(client: Client): Promise<[number, string]> {
  const res = await client.get(`/v1/${app.appId}/admin/auth/users`)
  const { error } = await json<{ error: { code: string } }>(res)
  return [res.status, error.code]
}

export let secret = ''

/** Starts an app before the tests of a file, with a clock that can be put forward, and ends it after them. */
export function useAuth(): void {
  beforeAll(async () => {
    const now = () => new Date(Date.now() + clock.aheadMs)
    app = await startApp({ clock: now, env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
    auth = `/auth/${app.appId}`
    const { apps } = app.instance.services
    secret = apps.keysOf(await apps.default()).secret
  })

  beforeEach(() => {
    clock.aheadMs = 0
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
