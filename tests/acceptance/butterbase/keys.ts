/** Platform keys. */
import { describe, expect, test } from 'vitest'
import { body, INSTANT, UUID } from '../support.ts'
import { anyApp, appKey, otherApp, refusal, server } from './server.ts'

type Minted = { key: string; keyId: string; prefix: string }

const mint = (asked: object) => body<Minted>(server.owner.post('/api-keys', asked), 201)

describe('POST /api-keys', () => {
  test('mints an account key that is shown once', async () => {
    const minted = await mint({ name: 'ci' })
    expect(minted).toEqual({
      key: expect.stringMatching(/^bb_sk_[0-9a-f]{40}$/),
      keyId: expect.stringMatching(UUID),
      id: minted.keyId,
      prefix: minted.key.slice(0, 12),
      name: 'ci',
      scopes: ['*'],
      created_at: expect.stringMatching(INSTANT),
    })
    await body(server.as(minted.key).get('/apps'))
    expect(await (await server.owner.get('/api-keys')).text()).not.toContain(minted.key)
  })

  test('mints an app key that may address its app only', async () => {
    const [app, other] = [await anyApp(), await otherApp()]
    const asked = { name: 'one', key_scope: 'app', target_app_id: app.id }
    const minted = await mint(asked)
    expect(minted).toMatchObject({ scopes: [`app:${app.id}`, 'ai:gateway'] })
    const key = server.as(minted.key)
    await body(key.get(`${app.path}/config`))
    await refusal(key.get(`${other.path}/config`), 404, 'RESOURCE_NOT_FOUND')
    await refusal(key.get('/api-keys'), 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    const more = key.post('/api-keys', { name: 'more' })
    await refusal(more, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
  })

  test('mints a key for other things than apps, which is nobody to them', async () => {
    const app = await anyApp()
    const { key } = await mint({ name: 'facts', scope: 'substrate' })
    expect(key).toMatch(/^bb_sub_[0-9a-f]{40}$/)
    const facts = server.as(key)
    await refusal(facts.get(`${app.path}/config`), 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
    await refusal(facts.get(`${app.path}/absent`), 404, 'VALIDATION_TABLE_NOT_FOUND')
    const unknown = server.as(`bb_sub_${'0'.repeat(40)}`)
    await refusal(unknown.get(`${app.path}/absent`), 401, 'AUTH_INVALID_API_KEY')
  })

  test('adds scopes to what a key has', async () => {
    const extra = ['ai:gateway', 'substrate']
    expect(await mint({ name: 'a', additional_scopes: extra })).toMatchObject({
      scopes: ['*', ...extra],
    })
    expect(await mint({ name: 'b', scopes: ['ai:gateway'] })).toMatchObject({
      scopes: ['*', 'ai:gateway'],
    })
  })

  test.each([
    ['VALIDATION_INVALID_SCHEMA', {}],
    ['VALIDATION_INVALID_SCHEMA', { name: 'x', scopes: [], additional_scopes: [] }],
    ['VALIDATION_INVALID_SCOPE', { name: 'x', scope: 'galaxy' }],
    ['INVALID_KEY_SCOPE', { name: 'x', key_scope: 'galaxy' }],
    ['TARGET_APP_REQUIRED', { name: 'x', key_scope: 'app' }],
    ['TARGET_APP_NOT_ALLOWED', { name: 'x', target_app_id: 'app_000000000000' }],
    ['RESERVED_SCOPE', { name: 'x', additional_scopes: ['*'] }],
    ['RESERVED_SCOPE', { name: 'x', additional_scopes: ['app:app_000000000000'] }],
    ['UNKNOWN_SCOPE', { name: 'x', additional_scopes: ['moon'] }],
  ])('refuses with %s: %j', async (code, asked) => {
    await refusal(server.owner.post('/api-keys', asked), 400, code)
  })

  test('refuses an app that is not the caller’s with 404, an organisation with 403', async () => {
    const app = { name: 'x', key_scope: 'app', target_app_id: 'app_000000000000' }
    await refusal(server.owner.post('/api-keys', app), 404, 'RESOURCE_NOT_FOUND')
    const workspace = { name: 'x', organization_id: crypto.randomUUID() }
    await refusal(server.owner.post('/api-keys', workspace), 403, 'AUTH_ORG_FORBIDDEN')
  })
})

describe('GET /api-keys', () => {
  test('lists the newest first and never a hash', async () => {
    const minted = await mint({ name: 'newest' })
    const { keys } = await body<{ keys: object[] }>(server.owner.get('/api-keys'))
    expect(keys[0]).toEqual({
      id: minted.keyId,
      key_prefix: minted.prefix,
      prefix: minted.prefix,
      name: 'newest',
      scopes: ['*'],
      scope: 'app',
      substrate_organization_id: null,
      last_used_at: null,
      expires_at: null,
      created_at: expect.stringMatching(INSTANT),
    })
  })
})

describe('lists', () => {
  test.each([
    ['/apps', 'apps'],
    ['/api-keys', 'keys'],
  ] as const)(
    '%s is whole without a limit, else paged, and bad numbers are clamped',
    async (path, name) => {
      await Promise.all([anyApp(), otherApp(), mint({ name: 'listed' })])
      const ids = async (query: string): Promise<string[]> => {
        const answer = await body<Record<string, { id: string }[]>>(server.owner.get(path + query))
        return (answer[name] ?? []).map(({ id }) => id)
      }
      const all = await ids('')
      expect(all.length).toBeGreaterThan(2)
      expect(await ids('?limit=2&offset=1')).toEqual(all.slice(1, 3))
      expect(await ids('?limit=0&offset=-5')).toEqual(all.slice(0, 1))
      expect(await ids('?limit=1000000')).toEqual(all)
      expect(await ids('?limit=many&offset=1')).toEqual(all)
      expect(await ids('?limit=1&offset=1000000')).toEqual([])
    },
  )
})

describe('DELETE /api-keys/{keyId}', () => {
  test('revokes at once, once', async () => {
    const minted = await mint({ name: 'short-lived' })
    const key = server.as(minted.key)
    await body(key.get('/apps'))
    const path = `/api-keys/${minted.keyId}`
    expect(await body(server.owner.delete(path))).toEqual({ revoked: true })
    await refusal(key.get('/apps'), 401, 'AUTH_INVALID_API_KEY')
    await refusal(server.owner.delete(path), 404, 'RESOURCE_NOT_FOUND')
    const { keys } = await body<{ keys: { id: string }[] }>(server.owner.get('/api-keys'))
    expect(keys.map(({ id }) => id)).not.toContain(minted.keyId)
  })

  test('is 404 for what is no key', async () => {
    const { owner } = server
    await refusal(owner.delete(`/api-keys/${crypto.randomUUID()}`), 404, 'RESOURCE_NOT_FOUND')
    await refusal(owner.delete('/api-keys/word'), 404, 'RESOURCE_NOT_FOUND')
  })

  test('refuses the key of an app', async () => {
    const narrow = await appKey(await anyApp())
    const asked = narrow.delete(`/api-keys/${narrow.keyId}`)
    await refusal(asked, 403, 'AUTH_INSUFFICIENT_PERMISSIONS')
  })
})
