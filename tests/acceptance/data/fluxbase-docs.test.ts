/** The examples of docs/data/fluxbase.md, run as they stand. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { answerTo, blocks } from '#support/examples'

const PAGE = new URL('../../../docs/data/fluxbase.md', import.meta.url)

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

test('every example of docs/data/fluxbase.md answers what the page says', async () => {
  const page = await readFile(PAGE, 'utf8')
  const [schema = ''] = blocks(page, 'sql')
  await app.sql(`set search_path = public; ${schema}; grant all on authors, books to service_role;
    grant usage on all sequences in schema public to service_role`)
  const answers = blocks(page, 'json').map((text): unknown => JSON.parse(text))
  const requests = blocks(page, 'http')
  expect(requests.length).toBe(answers.length)
  expect(requests.length).toBeGreaterThan(10)
  for (const [at, request] of requests.entries()) {
    expect([request, await answerTo(app, request)]).toEqual([request, answers[at]])
  }
})
