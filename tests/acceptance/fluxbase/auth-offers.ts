/** What stands beside signing in: captcha, providers, and proofs that one is still there. */
import { describe, expect, test } from 'vitest'
import { body, newEmail, PASSWORD, UUID } from '../support.ts'
import { newUser, refusal, sdk, server } from './server.ts'

const USER = '/api/v1/auth/user'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

describe('captcha', () => {
  test('is off where nobody set one up, and a sign-in page asks for none', async () => {
    expect(await body(server.nobody.get('/api/v1/auth/captcha/config'))).toEqual({ enabled: false })
    for (const endpoint of ['signup', 'login', 'password_reset', 'magic_link']) {
      const asked = { endpoint, email: newEmail(), device_fingerprint: 'f', trust_token: 't' }
      expect(await body(sdk().auth('captcha/check', asked))).toEqual({
        captcha_required: false,
        reason: 'captcha_disabled',
        challenge_id: '',
        expires_at: expect.stringMatching(TIME),
      })
    }
    const email = newEmail()
    const solved = { email, password: PASSWORD, captcha_token: 'x', challenge_id: '' }
    await body(sdk().auth('signup', solved), 201)
    await body(sdk().auth('signin', { ...solved, device_fingerprint: 'f' }))
  })

  test.each([{}, { endpoint: '' }, { endpoint: 'refresh' }, { endpoint: ['login'] }])(
    'has no answer for %j',
    async (asked) => {
      await refusal(sdk().auth('captcha/check', asked), 400, 'INVALID_ENDPOINT')
    },
  )
})

test('a nonce of POST auth/reauthenticate confirms one change of oneself', async () => {
  const user = await newUser()
  const json = { 'content-type': 'application/json' }
  const asked = user.post('/api/v1/auth/reauthenticate', undefined, json)
  const { nonce } = await body<{ nonce: string }>(asked)
  expect(nonce).toMatch(UUID)
  const change = () => user.patch(USER, { user_metadata: { sure: true }, nonce })
  expect(await body(change())).toMatchObject({ user_metadata: { sure: true } })
  await refusal(change(), 400, 'INVALID_TOKEN')
  await refusal(sdk().auth('reauthenticate'), 401, 'MISSING_AUTHENTICATION')
})

test('GET auth/user/identities wraps its list', async () => {
  const user = await newUser()
  const asked = user.get('/api/v1/auth/user/identities')
  expect(await body(asked)).toEqual({ identities: expect.any(Array) })
})

test.each(['oauth', 'saml'])('GET auth/%s/providers wraps its list', async (kind) => {
  const asked = server.nobody.get(`/api/v1/auth/${kind}/providers`)
  expect(await body(asked)).toEqual({ providers: expect.any(Array) })
})
