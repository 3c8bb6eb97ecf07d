/** What the tests of the Fluxbase dialect share: one server, one app of it, and its users. */
import { beforeAll, expect } from 'vitest'
import type { Client } from '#support/client'
import { type App, body, newApp, newEmail, PASSWORD, useServer } from '../support.ts'

export const server = useServer()

/** The app under test; its fields may be read inside tests and hooks only. */
export const app = {} as App

beforeAll(async () => {
  Object.assign(app, await newApp(server))
})

export type Refused = { error: string; code?: string; sqlstate?: string; details?: unknown }

/** A refusal: a sentence in `error`, a word in `code`. */
export async function refusal(
  asked: Promise<Response>,
  status: number,
  code: string,
): Promise<Refused> {
  const found = await body<Refused>(asked, status)
  expect(found).toMatchObject({ error: expect.stringMatching(/\S/), code })
  return found
}

export type Signed = {
  access_token: string
  refresh_token: string
  expires_in: number
  user: { id: string; email: string }
}

export type User = Client & { id: string; email: string; refreshToken: string }

/** As the SDK sends it: the key of the app both as `apikey` and as bearer. */
export const sdk = (key = app.anonKey) => {
  const client = server.as(key)
  const post = (path: string, asked?: object) =>
    client.post(`/api/v1/auth/${path}`, asked, { apikey: key })
  return { ...client, auth: post }
}

export function userOf({ access_token: token, refresh_token, user }: Signed): User {
  return { ...server.as(token), id: user.id, email: user.email, refreshToken: refresh_token }
}

export async function newUser(email = newEmail()): Promise<User> {
  return userOf(await body<Signed>(sdk().auth('signup', { email, password: PASSWORD }), 201))
}
