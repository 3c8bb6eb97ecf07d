import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
})

afterAll(() => app[Symbol.asyncDispose]())

test('an unknown path under /api/v1 answers 404 in the words of the dialect', async () => {
  const res = await app.nobody.get('/api/v1/nothing', { 'x-request-id': 'r-1' })
  expect(res.status).toBe(404)
  expect(res.headers.get('x-request-id')).toBe('r-1')
  expect(await res.json()).toEqual({
    error: 'Not Found',
    code: 'NOT_FOUND',
    path: '/api/v1/nothing',
    hint: 'Paths and methods are listed at /docs/api.',
    request_id: 'r-1',
  })
})
