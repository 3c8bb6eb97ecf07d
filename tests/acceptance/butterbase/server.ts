/** What the tests of the Butterbase dialect share: one server, its error envelope, people of an app. */
import { expect } from 'vitest'
import type { Client } from '#support/client'
import { type App, body, newApp, newEmail, PASSWORD, useServer } from '../support.ts'

export const server = useServer()

export type Envelope = {
  code: string
  message: string
  remediation: string
  documentation_url?: string
  details?: unknown
}

/** The error of a refusal in the platform's envelope. */
export async function refusal(
  asked: Promise<Response>,
  status: number,
  code: string,
): Promise<Envelope> {
  const { error } = await body<{ error: Envelope }>(asked, status)
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(/\S/),
    remediation: expect.stringMatching(/\S/),
  })
  if (error.documentation_url !== undefined) {
    const word = code.toLowerCase().replaceAll('_', '-')
    expect(error.documentation_url).toMatch(new RegExp(`/errors#${word}$`))
  }
  return error
}

export type User = Client & { id: string; email: string; refreshToken: string }

/** Somebody who signed up to the app and signed in. */
export async function newUser(app: App, email = newEmail()): Promise<User> {
  const { nobody } = server
  await body(nobody.post(`/auth/${app.id}/signup`, { email, password: PASSWORD }), 201)
  return signIn(app, email)
}

type Tokens = { access_token: string; refresh_token: string; user: { id: string } }

export async function signIn(app: App, email: string): Promise<User> {
  const credentials = { email, password: PASSWORD }
  const tokens = await body<Tokens>(server.nobody.post(`/auth/${app.id}/login`, credentials))
  const { id } = tokens.user
  const refreshToken = tokens.refresh_token
  return { ...server.as(tokens.access_token), id, email, refreshToken }
}

/** A platform key that may address this app only. */
export async function appKey(app: App): Promise<Client & { keyId: string }> {
  const asked = { name: 'narrow', key_scope: 'app', target_app_id: app.id }
  const { key, keyId } = await body<{ key: string; keyId: string }>(
    server.owner.post('/api-keys', asked),
    201,
  )
  return { ...server.as(key), keyId }
}

const shared: Partial<Record<'any' | 'other', Promise<App>>> = {}

/** An app for tests that change nothing in it: a new one costs as much as a hundred requests. */
export const anyApp = (): Promise<App> => (shared.any ??= newApp(server))

/** Another one. */
export const otherApp = (): Promise<App> => (shared.other ??= newApp(server))
