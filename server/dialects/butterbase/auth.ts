/** Butterbase's sign-in: /auth/{app_id} for the users of an app, /v1/{app_id}/admin/auth for its owner. */
import { Hono } from 'hono'
import { z } from 'zod'
import {
  type AuthContext,
  deleteUser,
  findUser,
  listUsers,
  MIXED_RULES,
  publishedKeys,
  refreshSession,
  type SessionRules,
  signIn,
  signOutEverywhere,
  signUp,
  type Tokens,
  type User,
  userNotFound,
} from '#domains/auth'
import type { AppContext } from '#domains/apps'
import type { Env } from '#http/env'
import { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { BUTTERBASE_SIGN_IN } from './about.ts'
import { authErrorRenderer } from './auth-errors.ts'
import { authGuards, type AuthScopes } from './auth-guards.ts'
import type { Scopes } from './guards.ts'
import { Message, Time } from './shapes.ts'

const SESSIONS: SessionRules = { family: 'published_key' }

const Credentials = z.object({ email: z.string(), password: z.string() })

const NewUser = Credentials.extend({
  display_name: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
})

const Refresh = z.object({ refresh_token: z.string().min(1) })

const UserAnswer = z
  .object({
    id: z.string(),
    email: z.string(),
    email_verified: z.boolean(),
    display_name: z.string().nullable(),
    avatar_url: z.string().nullable(),
  })
  .meta({ id: 'ButterbaseUser' })

const TokensAnswer = z
  .object({
    access_token: z.string(),
    refresh_token: z.string().describe('Good once: refreshing gives a new one'),
    expires_in: z.number().describe('Seconds that the access token lives'),
    token_type: z.literal('Bearer'),
    user: UserAnswer,
  })
  .meta({ id: 'ButterbaseTokens' })

const Me = UserAnswer.extend({
  provider: z.string(),
  created_at: Time,
  last_sign_in_at: Time.nullable(),
  metadata: z.record(z.string(), z.unknown()),
})

const ListedUser = z
  .object({
    id: z.string(),
    email: z.string(),
    provider: z.string(),
    provider_uid: z.string().nullable(),
    email_verified: z.boolean(),
    last_sign_in_at: Time.nullable(),
    created_at: Time,
  })
  .meta({ id: 'ButterbaseListedUser' })

const JsonWebKeys = z.object({
  keys: z.array(
    z.object({
      kty: z.string(),
      n: z.string(),
      e: z.string(),
      kid: z.string(),
      alg: z.literal('RS256'),
      use: z.literal('sig'),
    }),
  ),
})

/** Its errors look different from those of the rest of the dialect, so it is a table of its own. */
export function butterbaseAuth(services: Services): RouteTable<AuthScopes> {
  const hono = new Hono<Env>()
  hono.onError(authErrorRenderer(services))
  const routes = new RouteTable(BUTTERBASE_SIGN_IN, hono, authGuards(services))
  addArrivals(routes)
  addSelf(routes)
  return routes
}

function addArrivals(routes: RouteTable<AuthScopes>): void {
  const open = { access: 'arrival', method: 'post', anyText: true } as const
  routes
    .add(
      {
        ...open,
        path: '/auth/{app_id}/signup',
        summary: 'Sign up',
        body: NewUser,
        answer: z.object({ user: UserAnswer.omit({ avatar_url: true }), message: Message }),
        docs: { status: 201 },
      },
      async ({ c, ctx, body }) => {
        const { email, password, display_name: displayName = null, metadata } = body
        const who = { email, password, displayName, userMetadata: metadata ?? {} }
        const user = await signUp(ctx, { ...who, passwordRules: MIXED_RULES })
        const { avatar_url: _, ...wire } = toWire(user)
        return c.json({ user: wire, message: 'Verification email sent' }, 201)
      },
    )
    .add(
      {
        ...open,
        path: '/auth/{app_id}/login',
        summary: 'Sign in',
        body: Credentials,
        answer: TokensAnswer,
      },
      async ({ c, ctx, body }) => c.json(tokensToWire(await signIn(ctx, body, SESSIONS))),
    )
    .add(
      {
        ...open,
        path: '/auth/{app_id}/refresh',
        summary: 'New tokens',
        body: Refresh,
        answer: TokensAnswer,
      },
      async ({ c, ctx, body }) => {
        const tokens = await refreshSession(ctx, body.refresh_token, SESSIONS.family)
        return c.json(tokensToWire(tokens))
      },
    )
    .add(
      {
        ...open,
        method: 'get',
        path: '/auth/{app_id}/.well-known/jwks.json',
        summary: 'What access tokens are verified with',
        answer: JsonWebKeys,
      },
      async ({ c, ctx }) => {
        c.header('Cache-Control', 'public, max-age=300')
        return c.json(await publishedKeys(ctx.apps, ctx.app))
      },
    )
}

function addSelf(routes: RouteTable<AuthScopes>): void {
  routes
    .add(
      {
        access: 'self',
        method: 'post',
        path: '/auth/{app_id}/logout',
        summary: 'Sign out',
        answer: z.object({ message: Message }),
      },
      async ({ c, ctx }) => {
        await signOutEverywhere(ctx, ctx.caller.userId)
        return c.json({ message: 'Logged out successfully' })
      },
    )
    .add(
      {
        access: 'self',
        method: 'get',
        path: '/auth/{app_id}/me',
        summary: 'Who am I?',
        answer: Me,
      },
      async ({ c, ctx }) => {
        const user = await findUser(ctx, ctx.caller.userId)
        if (!user) throw userNotFound()
        return c.json({
          ...toWire(user),
          provider: user.provider,
          created_at: user.createdAt.toISOString(),
          last_sign_in_at: user.lastSignInAt?.toISOString() ?? null,
          metadata: user.userMetadata,
        })
      },
    )
}

/** What the owner of an app does with its users. */
export function addUsers(routes: RouteTable<Scopes>, services: Services): void {
  const { identifier, signInHooks } = services
  const withNeeds = (ctx: AppContext): AuthContext => ({ ...ctx, identifier, signInHooks })
  routes
    .add(
      {
        access: 'owner',
        method: 'get',
        path: '/v1/{app_id}/admin/auth/users',
        summary: 'Users of the app, newest first',
        answer: z.object({ users: z.array(ListedUser), next_cursor: z.string().nullable() }),
        docs: {
          query: {
            limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe('Users at most'),
            cursor: '`next_cursor` of the page before',
          },
        },
      },
      async ({ c, ctx }) => {
        const limit = limitIn(c.req.query('limit'))
        const page = await listUsers(withNeeds(ctx), { cursor: c.req.query('cursor'), limit })
        return c.json({ users: page.users.map(listedToWire), next_cursor: page.nextCursor })
      },
    )
    .add(
      {
        access: 'owner',
        method: 'delete',
        path: '/v1/{app_id}/admin/auth/users/{user_id}',
        summary: 'Delete a user and end all their sessions',
        answer: z.object({ deleted: z.literal(true), user_id: z.string(), email: z.string() }),
      },
      async ({ c, ctx }) => {
        const { id, email } = await deleteUser(withNeeds(ctx), c.req.param('user_id') ?? '')
        return c.json({ deleted: true, user_id: id, email })
      },
    )
}

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200

/** Out of range or unreadable is brought into range, never refused. */
function limitIn(text = String(DEFAULT_LIMIT)): number {
  const limit = /^-?\d+$/.test(text) ? Number(text) : DEFAULT_LIMIT
  return Math.min(MAX_LIMIT, Math.max(1, limit))
}

/** The only place where a user becomes Butterbase's. */
const toWire = (user: User): z.input<typeof UserAnswer> => ({
  id: user.id,
  email: user.email,
  email_verified: user.emailVerified,
  display_name: user.displayName,
  avatar_url: user.avatarUrl,
})

const tokensToWire = (tokens: Tokens): z.input<typeof TokensAnswer> => ({
  access_token: tokens.accessToken,
  refresh_token: tokens.refreshToken,
  expires_in: tokens.expiresIn,
  token_type: 'Bearer',
  user: toWire(tokens.user),
})

const listedToWire = (user: User): z.input<typeof ListedUser> => ({
  id: user.id,
  email: user.email,
  provider: user.provider,
  provider_uid: user.providerUid,
  email_verified: user.emailVerified,
  last_sign_in_at: user.lastSignInAt?.toISOString() ?? null,
  created_at: user.createdAt.toISOString(),
})
