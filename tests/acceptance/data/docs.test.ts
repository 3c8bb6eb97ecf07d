/** The examples of docs/data/README.md, run as they stand. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { answerTo, blocks } from '#support/examples'

const PAGE = new URL('../../../docs/data/README.md', import.meta.url)

type Example = { request: string; answer: unknown }

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

test('every example of docs/data answers what the page says', async () => {
  const page = await readFile(PAGE, 'utf8')
  const [schema = ''] = blocks(page, 'sql')
  await app.sql(`set search_path = public; ${schema}; grant all on authors, books to service_role;
    grant usage on all sequences in schema public to service_role`)
  await app.owner.patch(`/v1/${app.appId}/config/data-api`, { db_aggregates_enabled: true })
  const answers = blocks(page, 'json').map((text): unknown => JSON.parse(text))
  const examples = blocks(page, 'http').map(
    (request, at): Example => ({ request, answer: answers[at] }),
  )
  expect(examples.length).toBe(answers.length)
  for (const { request, answer } of examples) {
    expect([request, await answerTo(app, request)]).toEqual([request, answer])
  }
})
