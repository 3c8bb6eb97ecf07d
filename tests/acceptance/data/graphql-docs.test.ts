/** The examples of docs/data/graphql.md, run as they stand. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

const PAGE = new URL('../../../docs/data/graphql.md', import.meta.url)

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

type Answer = { data?: unknown; errors?: { message: string }[] }

/** A query, perhaps its variables, and then its data or its errors. */
const EXAMPLE =
  /```graphql\n(.*?)\n```\n(?:```variables\n(.*?)\n```\n)?```(json|errors)\n(.*?)\n```/gs

test('every example of docs/data/graphql.md answers what the page says', async () => {
  const page = await readFile(PAGE, 'utf8')
  const [, schema = ''] = /```sql\n(.*?)\n```/s.exec(page) ?? []
  await app.sql(schema)
  const examples = [...page.matchAll(EXAMPLE)]
  expect(examples.length).toBe(page.split('```graphql').length - 1)
  for (const [, query = '', variables, kind, expected = ''] of examples) {
    const body = { query, variables: variables && (JSON.parse(variables) as object) }
    const res = await app.as(app.serviceKey).post('/api/v1/graphql', body)
    const { data, errors } = (await res.json()) as Answer
    const found = kind === 'json' ? data : errors?.map(({ message }) => message)
    expect([query, found, errors && kind]).toEqual([
      query,
      JSON.parse(expected),
      kind === 'json' ? undefined : kind,
    ])
  }
})
