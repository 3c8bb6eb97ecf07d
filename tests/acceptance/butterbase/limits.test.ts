/** How often an app may be asked, and how often somebody may try to sign in: a server with its limits on. */
import { expect, test } from 'vitest'
import { body, newApp, newEmail, PASSWORD, useServer } from '../support.ts'

const server = useServer({ STEAD_SIGN_IN_RATE_LIMITS: 'on', STEAD_APP_RATE_LIMIT: '20' })

/** Asks until the answer is 429. */
async function untilRefused(ask: () => Promise<Response>, most: number) {
  const statuses: number[] = []
  for (let n = 0; n <= most; n += 1) {
    const res = await ask()
    if (res.status === 429) return { res, statuses }
    statuses.push(res.status)
  }
  throw new Error(`still answered after ${most} requests`)
}

test('an app that is asked too often answers 429 with when to come back, and others go on', async () => {
  const [app, other] = [await newApp(server), await newApp(server)]
  const ask = () => server.owner.get(`${app.path}/config`)
  const { res, statuses } = await untilRefused(ask, 21)
  expect(statuses).toEqual(Array.from({ length: 20 }, () => 200))
  expect(Number(res.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(res.headers.get('x-ratelimit-limit')).toBe('20')
  expect(res.headers.get('x-ratelimit-remaining')).toBe('0')
  const { error } = await body<{ error: object }>(res, 429)
  expect(error).toMatchObject({
    code: 'QUOTA_RATE_LIMIT',
    message: expect.stringMatching(/^Rate limit exceeded, retry in /),
    remediation: expect.any(String),
  })
  await body(server.owner.get(`${other.path}/config`))
})

test('the limit comes before the credential', async () => {
  const app = await newApp(server)
  const { statuses } = await untilRefused(() => server.nobody.get(`${app.path}/config`), 21)
  expect(new Set(statuses)).toEqual(new Set([401]))
})

test.each([
  ['signup', 5],
  ['login', 10],
  ['refresh', 20],
])('%s may be tried %i times in a quarter of an hour', async (path, most) => {
  const app = await newApp(server)
  const ask = () => {
    const asked = { email: newEmail(), password: PASSWORD, refresh_token: 'word' }
    return server.nobody.post(`/auth/${app.id}/${path}`, asked)
  }
  const { res, statuses } = await untilRefused(ask, most)
  expect(statuses).toHaveLength(most)
  const seconds = Number(res.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(900)
  expect(res.headers.get('x-ratelimit-limit')).toBe(String(most))
  expect(res.headers.get('x-ratelimit-reset')).toBe(String(seconds))
  await body(res, 429)
})
