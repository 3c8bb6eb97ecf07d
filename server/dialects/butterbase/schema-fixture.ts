/** Short ways to apply schemas, for the tests of schemas. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'

export let app: TestApp
export let id: string

type Statement = { sql: string; description: string; destructive?: boolean }
export type Answer = {
  applied: number
  statements: Statement[]
  migration_id?: number
  message?: string
  dry_run?: boolean
  error: { code: string; message: string; remediation: string; details: unknown }
}

export type Tables = Record<string, unknown>

export const call = async (body: object): Promise<{ status: number; body: Answer }> => {
  const res = await app.owner.post(`/v1/${id}/schema/apply`, body)
  return { status: res.status, body: (await res.json()) as Answer }
}

export const apply = (tables: Tables, more: object = {}) => call({ schema: { tables }, ...more })

export const good = async (tables: Tables, more: object = {}): Promise<Answer> => {
  const { status, body } = await apply(tables, more)
  expect([status, body.error]).toEqual([200, undefined])
  return body
}

export const refusal = async (tables: Tables, more: object = {}) => {
  const { status, body } = await apply(tables, more)
  return [status, body.error?.code]
}

export const schema = async (): Promise<{ tables: Record<string, { columns: Tables }> }> => {
  const res = await app.owner.get(`/v1/${id}/schema`)
  return ((await res.json()) as { schema: { tables: Record<string, { columns: Tables }> } }).schema
}

export const sql = (text: string, values?: unknown[]) => app.sql(text, values, id)

export const ID = { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' }

/** Gives each test of a file an app of its own, in one Stead that ends after them. */
export function useSchema(): void {
  beforeAll(async () => {
    app = await startApp()
  })

  beforeEach(async () => {
    id = (await app.createApp()).id
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
