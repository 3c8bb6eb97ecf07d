/**
 * The server under test, known by its address and keys only: the one that STEAD_URL names, or else a real process
 * that runs while the tests of this file do. Nothing here knows how the server is made.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Client, clientFor } from '#support/client'
import { newDataDir, removeDataDir, startInstance } from '../../bench/instance.ts'

export type Keys = {
  url: string
  platformKey: string
  /** The default app and its keys. */
  appId: string
  anonKey: string
  serviceKey: string
}

export type Server = Keys & {
  nobody: Client
  /** Whoever holds the platform key. */
  owner: Client
  as(token: string): Client
}

export type App = { id: string; anonKey: string; serviceKey: string; path: string }

/** The server for all tests of the calling file. Its fields may be read inside tests and hooks only. */
export function useServer(env: Record<string, string> = {}): Server {
  const server = {} as Server
  let stop: () => Promise<void> = () => Promise.resolve()
  beforeAll(async () => {
    const given = Object.keys(env).length === 0 ? keysFromEnvironment() : undefined
    const started = given ? undefined : await start(env)
    const keys = given ?? started?.keys
    if (!keys) throw new Error('there is no server to ask')
    stop = started?.stop ?? stop
    const as = (token?: string) => clientFor(keys.url, token)
    Object.assign(server, keys, { nobody: as(), owner: as(keys.platformKey), as })
  })
  afterAll(() => stop())
  return server
}

function keysFromEnvironment(): Keys | undefined {
  const { STEAD_URL, STEAD_PLATFORM_KEY, STEAD_APP_ID, STEAD_ANON_KEY, STEAD_SERVICE_KEY } =
    process.env
  if (!STEAD_URL) return undefined
  return {
    url: STEAD_URL.replace(/\/+$/, ''),
    platformKey: STEAD_PLATFORM_KEY ?? '',
    appId: STEAD_APP_ID ?? '',
    anonKey: STEAD_ANON_KEY ?? '',
    serviceKey: STEAD_SERVICE_KEY ?? '',
  }
}

async function start(env: Record<string, string>) {
  const dataDir = newDataDir()
  const instance = await startInstance(dataDir, { STEAD_SIGN_IN_RATE_LIMITS: 'off', ...env })
  const { facts } = instance
  const keys: Keys = {
    url: facts.url,
    platformKey: facts.platform_key,
    appId: facts.app_id,
    anonKey: facts.anon_key,
    serviceKey: facts.service_key,
  }
  const stop = async () => {
    await instance.stop()
    removeDataDir(dataDir)
  }
  return { keys, stop }
}

export const unique = (prefix: string): string => `${prefix}-${randomBytes(5).toString('hex')}`

/** A fresh app of the owner. */
export async function newApp(server: Server, name = unique('app')): Promise<App> {
  const made = await body<{ app_id: string; anon_key: string; service_key: string }>(
    server.owner.post('/init', { name }),
    201,
  )
  return {
    id: made.app_id,
    anonKey: made.anon_key,
    serviceKey: made.service_key,
    path: `/v1/${made.app_id}`,
  }
}

/** The JSON of an answer that must have this status. */
export async function body<T = Record<string, unknown>>(
  asked: Promise<Response> | Response,
  status = 200,
): Promise<T> {
  const res = await asked
  const text = await res.text()
  expect([res.status, text], res.url).toEqual([status, text])
  expect(res.headers.get('content-type')).toMatch(/^application\/json/)
  return JSON.parse(text) as T
}

/** Applies a schema to an app, whose tables it then is. */
export async function applySchema(server: Server, app: App, schema: object): Promise<void> {
  await body(server.owner.post(`${app.path}/schema/apply`, { schema }))
}

/** The statuses of requests that raced, in ascending order. */
export const statusesOf = (answers: Response[]): number[] =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b)

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** ISO-8601 in UTC with milliseconds. */
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

export const PASSWORD = 'Correct-Horse-7'

export const newEmail = (): string => `${unique('ada')}@example.com`
