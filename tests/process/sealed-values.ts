/** Every kind of value that is kept sealed, and the keys that seal them. */
import pg from 'pg'
import { clientFor } from '#support/client'
import type { Status } from './stead-process.ts'

const CODE = 'export default (_, ctx) => Response.json([ctx.env.OWN, ctx.env.SHARED])'

/** Gives the default app one of each; its function `f` answers what it finds in its environment. */
export async function keepSealed({ url, app_id: id, platform_key: key }: Status): Promise<void> {
  const owner = clientFor(url, key)
  const webhook = { webhook_url: 'https://example.com/x', webhook_secret: 'w'.repeat(16) }
  const triggers = [{ type: 'http', config: { auth: 'none' } }, { type: 'webhook' }]
  const f = { name: 'f', code: CODE, triggers, envVars: { OWN: 'one' } }
  const answers = [
    await owner.patch(`/v1/${id}/config/clone-webhook`, webhook),
    await owner.patch(`/v1/${id}/config/data-api`, { jwt_secret: 'j'.repeat(32) }),
    await owner.patch(`/v1/${id}/env`, { envVars: { SHARED: 'both' } }),
    await owner.post(`/v1/${id}/functions`, f),
  ]
  const bad = answers.find(({ ok }) => !ok)
  if (bad) throw new Error(`${bad.url} answered ${bad.status}: ${await bad.text()}`)
}

const IN_CONTROL = `select keys || settings::text as sealed from apps where is_default`

const IN_APP = `select env as sealed from functions.functions union all select env from functions.app_env
  union all select secret from functions.triggers where secret is not null`

/** The key that seals each value of the default app. */
export async function sealingKeys({ database_url: url }: Status): Promise<string[]> {
  const control = new URL(url)
  control.pathname = '/stead'
  const texts = [
    ...(await sealedTexts(control.href, IN_CONTROL)),
    ...(await sealedTexts(url, IN_APP)),
  ]
  return texts.join(' ').match(/\bk[0-9a-f]{8}(?=\.)/g) ?? []
}

async function sealedTexts(url: string, text: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ sealed: string }>(text).finally(() => client.end())
  return rows.map(({ sealed }) => sealed)
}
