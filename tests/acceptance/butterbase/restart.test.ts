/** What outlives the process. */
import { expect, test } from 'vitest'
import { clientFor } from '#support/client'
import { newDataDir, removeDataDir, startInstance } from '../../../bench/instance.ts'
import { body, newEmail, PASSWORD } from '../support.ts'

const CODE = `export default () => Response.json({ ok: true })`

test('a restart keeps rows, users, functions, keys and a pause', async () => {
  const dataDir = newDataDir()
  const first = await startInstance(dataDir)
  const { facts } = first
  const path = `/v1/${facts.app_id}`
  const owner = clientFor(facts.url, facts.platform_key)
  const columns = { id: { type: 'integer', primaryKey: true } }
  await body(owner.post(`${path}/schema/apply`, { schema: { tables: { t: { columns } } } }))
  await body(owner.post(`${path}/t`, { id: 7 }), 201)
  await body(owner.post(`${path}/functions`, { name: 'f', code: CODE }))
  const who = { email: newEmail(), password: PASSWORD }
  const auth = `/auth/${facts.app_id}`
  await body(owner.post(`${auth}/signup`, who), 201)
  const signed = await body<{ access_token: string; refresh_token: string }>(
    owner.post(`${auth}/login`, who),
  )
  await body(owner.patch(`${path}/config/pause`, { paused: true, reason: 'over night' }))
  await first.stop()

  const second = await startInstance(dataDir)
  expect(second.facts).toMatchObject({
    platform_key: facts.platform_key,
    app_id: facts.app_id,
    anon_key: facts.anon_key,
    service_key: facts.service_key,
  })
  const again = clientFor(second.facts.url, facts.platform_key)
  const { error } = await body<{ error: object }>(again.get(`${path}/t`), 503)
  expect(error).toMatchObject({ code: 'APP_PAUSED', details: { paused_reason: 'over night' } })
  await body(again.patch(`${path}/config/pause`, { paused: false }))
  expect(await body(again.get(`${path}/t`))).toEqual([{ id: 7 }])
  expect(await body(again.post(`${path}/fn/f`))).toEqual({ ok: true })
  await body(clientFor(second.facts.url, signed.access_token).get(`${auth}/me`))
  await body(again.post(`${auth}/refresh`, { refresh_token: signed.refresh_token }))
  await second.stop()
  removeDataDir(dataDir)
}, 90_000)
