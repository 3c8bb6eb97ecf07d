/** How often somebody may try to sign in: a server with its limits on. */
import { expect, test } from 'vitest'
import { body, newApp, newEmail, PASSWORD, useServer } from '../support.ts'

const server = useServer({ STEAD_SIGN_IN_RATE_LIMITS: 'on' })

async function tries(ask: () => Promise<Response>) {
  for (let count = 0; count < 30; count += 1) {
    const res = await ask()
    if (res.status === 429) return { res, count }
  }
  throw new Error('never refused')
}

test.each([
  ['signin', 10, 60],
  ['signup', 10, 900],
  ['refresh', 10, 60],
])('%s may be tried %i times in %i seconds', async (path, most, window) => {
  const app = await newApp(server)
  const ask = () => {
    const asked = { email: newEmail(), password: PASSWORD, refresh_token: 'the-same-token' }
    return server.as(app.anonKey).post(`/api/v1/auth/${path}`, asked)
  }
  const { res, count } = await tries(ask)
  expect(count).toBe(most)
  const seconds = Number(res.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(window)
  expect(res.headers.get('x-ratelimit-limit')).toBe(String(most))
  expect(res.headers.get('x-ratelimit-remaining')).toBe('0')
  expect(await body(res, 429)).toMatchObject({
    error: 'Rate limit exceeded',
    code: 'RATE_LIMIT_EXCEEDED',
    message: expect.any(String),
    retry_after: seconds,
  })
})
