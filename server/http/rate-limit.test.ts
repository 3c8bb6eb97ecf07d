import { expect, test } from 'vitest'
import { startApp } from '#support/app'

test('windows that have ended are let go with the next request, those that last are not', async () => {
  let now = Date.now()
  await using app = await startApp({ clock: () => new Date(now) })
  const { limiter } = app.instance.services
  const client = app.as(app.anonKey)
  const refresh = async (token: string): Promise<string | null> => {
    const res = await client.post('/api/v1/auth/refresh', { refresh_token: token })
    return res.headers.get('x-ratelimit-remaining')
  }
  const many = Array.from({ length: 50 }, (_, n) => `token ${n}`)
  expect(new Set(await Promise.all(many.map(refresh)))).toEqual(new Set(['9']))
  const signUp = (): Promise<Response> =>
    client.post('/api/v1/auth/signup', { email: 'a@example.com', password: 'x' })
  const left = async () => (await signUp()).headers.get('x-ratelimit-remaining')
  expect([limiter.size, await left()]).toEqual([50, '9'])

  now += 59_000
  expect([await refresh('token 0'), limiter.size]).toEqual(['8', 51])
  now += 1000
  expect([await refresh('late'), await refresh('token 1')]).toEqual(['9', '9'])
  now += 59_000
  expect(await refresh('late')).toBe('8')
  now += 1000
  expect([await refresh('other'), limiter.size]).toEqual(['9', 4])
  now += 120_000
  expect([await refresh('other'), limiter.size, await left()]).toEqual(['9', 2, '8'])
  now += 30 * 60_000
  expect([await refresh('other'), limiter.size]).toEqual(['9', 1])
})
