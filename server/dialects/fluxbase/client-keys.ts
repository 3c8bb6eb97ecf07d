/** Client keys, mounted at /api/v1/client-keys: what a program shows instead of a user's password or token. */
import { z } from 'zod'
import {
  changeClientKey,
  createClientKey,
  type Credential,
  deleteClientKey,
  findClientKey,
  listClientKeys,
  revokeClientKey,
} from '#domains/accounts'
import { findUser, invalidToken } from '#domains/auth'
import type { AppContext } from '#domains/apps'
import { invalid } from '#core/errors'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import {
  ChangedKey,
  expiryOf,
  type KeyBody,
  KeyList,
  MadeKey,
  NewKey,
  KeyChanges,
  OneKey,
  pageOf,
  rateOf,
  Said,
} from './client-keys-shapes.ts'
import { JSON_TYPE } from './errors.ts'
import type { Scopes } from './guards.ts'

const BASE = '/api/v1/client-keys'

const reading = { access: 'known', scope: 'clientkeys:read' } as const
const writing = { access: 'known', scope: 'clientkeys:write' } as const

export function addClientKeys(routes: RouteTable<Scopes>, services: Services): void {
  addReading(routes)
  addMaking(routes, services)
  addEnding(routes)
}

function addReading(routes: RouteTable<Scopes>): void {
  routes
    .add(
      {
        ...reading,
        method: 'get',
        path: BASE,
        summary: 'List client keys: one’s own, or for whoever manages the app all of them',
        answer: KeyList,
        docs: {
          description:
            'Newest first, with those that were revoked or have expired. Fluxbase’s command line gets the bare list.',
          query: {
            user_id: 'Only keys of this user; others than oneself for whoever manages the app',
            limit: z.int().min(0).describe('Keys at most; 1000 without it'),
            offset: z.int().min(0).describe('Keys to skip'),
          },
        },
      },
      async ({ c, ctx }) => {
        const asked = { ...pageOf(c), userId: c.req.query('user_id') }
        const { keys, total } = await listClientKeys(ctx, asked)
        const listed = keys.map(toWire)
        // The two official clients expect different shapes.
        const isCli = headerOf(c, 'user-agent')?.startsWith('fluxbase-cli/')
        return told(c, isCli ? listed : { client_keys: listed, total })
      },
    )
    .add(
      {
        ...reading,
        method: 'get',
        path: `${BASE}/{id}`,
        summary: 'A client key, without its text',
        answer: OneKey,
      },
      async ({ c, ctx }) => told(c, toWire(await findClientKey(ctx, idIn(c)))),
    )
}

function addMaking(routes: RouteTable<Scopes>, services: Services): void {
  routes
    .add(
      {
        ...writing,
        method: 'post',
        path: BASE,
        summary: 'Make a client key that acts as the caller',
        body: NewKey,
        answer: MadeKey,
        docs: {
          description:
            'The text of the key is in this answer and never again. A key that no user makes acts as nobody in particular; a client key that makes keys gives no scope that it has not.',
          status: 201,
        },
      },
      async ({ c, ctx, body }) => {
        await requireThatUser(services, ctx)
        const { secret, credential } = await createClientKey(ctx, requestIn(ctx, body))
        const key = toWire(credential)
        return told(c, { ...key, client_key: key, key: secret }, 201)
      },
    )
    .add(
      {
        ...writing,
        method: 'patch',
        path: `${BASE}/{id}`,
        summary: 'Change what a client key is called and what it may do',
        body: KeyChanges,
        answer: ChangedKey,
      },
      async ({ c, ctx, body }) => {
        const { name, description } = body
        const scopes = body.scopes ?? undefined
        if (name?.trim() === '') throw required('Name')
        if (scopes?.length === 0) throw required('Scopes')
        const patch = { name: name ?? undefined, description, scopes }
        const requestsPerMinute = rateOf(body)
        const changed = await changeClientKey(ctx, idIn(c), { ...patch, requestsPerMinute })
        return told(c, { ...toWire(changed), ...done('updated') })
      },
    )
}

function addEnding(routes: RouteTable<Scopes>): void {
  routes
    .add(
      {
        ...writing,
        method: 'delete',
        path: `${BASE}/{id}`,
        summary: 'Delete a client key; it is dead at once',
        answer: Said,
      },
      async ({ c, ctx }) => {
        await deleteClientKey(ctx, idIn(c))
        return told(c, done('deleted'))
      },
    )
    .add(
      {
        ...writing,
        method: 'post',
        path: `${BASE}/{id}/revoke`,
        summary: 'Revoke a client key: dead at once, its record stays',
        answer: Said,
      },
      async ({ c, ctx }) => {
        await revokeClientKey(ctx, idIn(c))
        return told(c, done('revoked'))
      },
    )
}

const idIn = (c: Http): string => c.req.param('id') ?? ''

const told = (c: Http, body: object, status: 200 | 201 = 200): Response =>
  c.json(body, status, { 'Content-Type': JSON_TYPE })

const done = (what: string) => ({ success: true, message: `Client key ${what} successfully` })

const required = (field: string) => invalid('missing_field', `${field} is required`)

/** The app's secret may sign tokens for users that are not there: a key of theirs would never work. */
async function requireThatUser(services: Services, ctx: AppContext): Promise<void> {
  const { identifier, signInHooks } = services
  if (ctx.caller.kind !== 'user') return
  const user = await findUser({ ...ctx, identifier, signInHooks }, ctx.caller.userId)
  if (!user) throw invalidToken()
}

/** Requests that a key may make in a minute, when it does not say. */
const USUAL_RATE = 100

function requestIn({ clock }: AppContext, body: KeyBody) {
  const { name, scopes, description, allowed_namespaces: namespaces } = body
  if (!name?.trim()) throw required('Name')
  if (!scopes?.length) throw required('Scopes')
  return {
    name,
    scopes,
    description: description ?? undefined,
    requestsPerMinute: rateOf(body) ?? USUAL_RATE,
    allowedNamespaces: namespaces ?? undefined,
    expiresAt: expiryOf(body, clock()),
  }
}

/** The only place where a key becomes Fluxbase's. */
function toWire(key: Credential) {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    key_prefix: key.prefix,
    user_id: key.userId,
    scopes: key.scopes,
    allowed_namespaces: key.allowedNamespaces,
    rate_limit_per_minute: key.requestsPerMinute ?? USUAL_RATE,
    created_at: key.createdAt.toISOString(),
    updated_at: key.updatedAt.toISOString(),
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
  }
}
