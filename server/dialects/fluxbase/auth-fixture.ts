/** Users who sign up and in, for the tests of authentication. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import type { Client } from '#support/client'

export const AUTH = '/api/v1/auth'
export const PASSWORD = 'correct horse'
export const MINUTE_MS = 60_000

export let app: TestApp
/** How many milliseconds the instance's clock is ahead of ours; each test begins at none. */
export const clock = { aheadMs: 0 }

export type Session = {
  user: Record<string, unknown> & { id: string; email: string }
  access_token: string
  refresh_token: string
  expires_in: number
  token_type: string
}

export type Failure = { error: string; code: string; [field: string]: unknown }

export const json = async <T>(res: Response): Promise<T> => (await res.json()) as T

let made = 0
export const newEmail = (): string => `user${++made}@example.com`

export async function signUp(email = newEmail(), client: Client = app.nobody): Promise<Session> {
  const res = await client.post(`${AUTH}/signup`, { email, password: PASSWORD })
  expect(res.status).toBe(201)
  return json<Session>(res)
}

export const signIn = (email: string, password = PASSWORD) =>
  app.nobody.post(`${AUTH}/signin`, { email, password })

export const refresh = (token: string) =>
  app.nobody.post(`${AUTH}/refresh`, { refresh_token: token })

export const whoami = (token: string) => app.as(token).get(`${AUTH}/user`)

export async function refused(res: Response): Promise<[number, string, string]> {
  const { error, code } = await json<Failure>(res)
  return [res.status, code, error]
}

export const countOf = (answers: Response[], status: number): number =>
  answers.filter((res) => res.status === status).length

export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

/** Starts an app before the tests of a file, with a clock that can be put forward, and ends it after them. */
export function useAuth(): void {
  beforeAll(async () => {
    const now = () => new Date(Date.now() + clock.aheadMs)
    app = await startApp({ clock: now, env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
  })

  beforeEach(() => {
    clock.aheadMs = 0
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
