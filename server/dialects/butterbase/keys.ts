/** Butterbase's API keys: make, list, revoke. */
import { z } from 'zod'
import {
  type Credential,
  createKey,
  type KeyUse,
  keyUse,
  listKeys,
  revokeKey,
} from '#domains/accounts'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'
import { PAGE_QUERY, pageOf } from './page.ts'
import { Time } from './shapes.ts'

/** Words are checked by the domain, which has a code of its own for each. */
const NewKey = z
  .object({
    name: z.string().trim().min(1).max(200),
    key_scope: z.string().optional(),
    target_app_id: z.string().optional(),
    additional_scopes: z.array(z.string()).max(20).optional(),
    scope: z.string().optional(),
    organization_id: z.string().optional(),
    scopes: z.array(z.string()).max(20).optional(),
  })
  .refine((it) => it.scopes === undefined || !usesNewFields(it), {
    path: ['scopes'],
    message: 'scopes is the older name of additional_scopes: leave it out here',
  })

const usesNewFields = (it: { [field: string]: unknown }): boolean =>
  ['key_scope', 'target_app_id', 'additional_scopes', 'scope'].some(
    (field) => it[field] !== undefined,
  )

const Minted = z.object({
  key: z.string().describe('The key itself, which is shown this once'),
  keyId: z.string(),
  id: z.string(),
  prefix: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  created_at: Time,
})

const KeyAnswer = z
  .object({
    id: z.string(),
    key_prefix: z.string(),
    prefix: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    scope: z.enum(['app', 'substrate', 'both']),
    substrate_organization_id: z.null(),
    last_used_at: Time.nullable(),
    expires_at: Time.nullable(),
    created_at: Time,
  })
  .meta({ id: 'ButterbaseKey' })

export function addKeys(routes: RouteTable<Scopes>): void {
  routes.add(
    {
      method: 'post',
      path: '/api-keys',
      access: 'account',
      summary: 'Make a platform key; its text is shown once',
      body: NewKey,
      answer: Minted,
      docs: { status: 201 },
    },
    async ({ c, ctx, body }) => {
      const { secret, credential } = await createKey(ctx, {
        name: body.name,
        keyScope: body.key_scope,
        targetAppId: body.target_app_id,
        additionalScopes: body.additional_scopes ?? body.scopes,
        use: body.scope,
        workspaceId: body.organization_id,
      })
      return c.json(mintedToWire(secret, credential), 201)
    },
  )
  routes.add(
    {
      method: 'get',
      path: '/api-keys',
      access: 'account',
      summary: 'List your platform keys',
      answer: z.object({ keys: z.array(KeyAnswer) }),
      docs: { query: { scope: 'Only keys for this use', ...PAGE_QUERY } },
    },
    async ({ c, ctx }) => {
      const keys = await listKeys(ctx, useOf(c.req.query('scope')))
      return c.json({ keys: pageOf(c, keys).map(toWire) })
    },
  )
  routes.add(
    {
      method: 'delete',
      path: '/api-keys/{keyId}',
      access: 'account',
      summary: 'Revoke a platform key at once',
      answer: z.object({ revoked: z.literal(true) }),
    },
    async ({ c, ctx }) => {
      await revokeKey(ctx, c.req.param('keyId') ?? '')
      return c.json({ revoked: true })
    },
  )
}

/** `me` and anything unknown mean all of them. */
const useOf = (text: string | undefined): KeyUse | undefined =>
  text === 'app' || text === 'substrate' || text === 'both' ? text : undefined

const mintedToWire = (
  key: string,
  { id, prefix, name, scopes, createdAt }: Credential,
): z.input<typeof Minted> => ({
  key,
  keyId: id,
  id,
  prefix,
  name,
  scopes,
  created_at: createdAt.toISOString(),
})

const toWire = (key: Credential): z.input<typeof KeyAnswer> => ({
  id: key.id,
  key_prefix: key.prefix,
  prefix: key.prefix,
  name: key.name,
  scopes: key.scopes,
  scope: keyUse(key),
  substrate_organization_id: null,
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  expires_at: key.expiresAt?.toISOString() ?? null,
  created_at: key.createdAt.toISOString(),
})
