/** Fluxbase's sign-in: mounted at /api/v1/auth. */
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { CookieOptions } from 'hono/utils/cookie'
import { z } from 'zod'
import {
  type AuthContext,
  changeUser,
  findUser,
  hashOfToken,
  invalidToken,
  PLAIN_RULES,
  reauthenticate,
  refreshSession,
  type SessionRules,
  signIn,
  signOut,
  signUpAndIn,
  type Tokens,
  type User,
} from '#domains/auth'
import type { AppContext } from '#domains/apps'
import { AppError, invalid } from '#core/errors'
import { randomToken } from '#core/ids'
import { needing, someText } from '#http/about'
import type { Http } from '#http/env'
import { rootOf } from '#http/request'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { JSON_TYPE } from './errors.ts'
import { ACCESS_COOKIE, CSRF_COOKIE, REFRESH_COOKIE } from './credentials.ts'
import type { Scopes } from './guards.ts'
import { limitRefresh } from './limits.ts'

/** Bytes of body at most. */
const LIMIT = 64 * 1024

const SESSIONS: SessionRules = { family: 'secret', maxSessions: 5 }

const CSRF_SECONDS = 86_400

const optionalText = z.string().optional()

const credentials = { email: someText.optional(), password: someText.optional() }

const Credentials = needing(z.object(credentials), 'email', 'password')

const Metadata = z.record(z.string(), z.unknown())

const NewUser = needing(
  z.object({ ...credentials, user_metadata: Metadata.nullish() }),
  'email',
  'password',
)

const Refresh = z.object({ refresh_token: optionalText })

const Changes = z.object({
  email: optionalText,
  password: optionalText,
  user_metadata: Metadata.optional(),
  data: Metadata.optional(),
  nonce: optionalText,
})

const ConfigAnswer = z.object({
  signup_enabled: z.boolean(),
  require_email_verification: z.boolean(),
  magic_link_enabled: z.boolean(),
  password_login_enabled: z.boolean(),
  mfa_available: z.boolean(),
  password_min_length: z.int(),
  password_require_uppercase: z.boolean(),
  password_require_lowercase: z.boolean(),
  password_require_number: z.boolean(),
  password_require_special: z.boolean(),
  oauth_providers: z.array(z.unknown()),
  saml_providers: z.array(z.unknown()),
  captcha: z.null(),
})

const UserAnswer = z
  .object({
    id: z.string(),
    email: z.string(),
    email_verified: z.boolean(),
    role: z.string(),
    user_metadata: Metadata,
    metadata: Metadata.describe('The same as `user_metadata`'),
    app_metadata: Metadata,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'FluxbaseUser' })

const SessionAnswer = z
  .object({
    user: UserAnswer,
    access_token: z.string(),
    refresh_token: z.string().describe('Good once: refreshing gives a new one'),
    expires_in: z.number().describe('Seconds that the access token lives'),
    token_type: z.literal('bearer'),
  })
  .meta({ id: 'FluxbaseSession' })

export function addAuth(routes: RouteTable<Scopes>, services: Services): void {
  const { identifier, signInHooks } = services
  const withNeeds = <C extends AppContext>(ctx: C): C & AuthContext => ({
    ...ctx,
    identifier,
    signInHooks,
  })
  addPublic(routes, services, withNeeds)
  addAccount(routes, services, withNeeds)
  addBeside(routes, withNeeds)
}

type WithNeeds = <C extends AppContext>(ctx: C) => C & AuthContext

/** Of every public route of sign-in. */
export const open = { access: 'public', limit: LIMIT, anyText: true } as const
const made = { ...open, docs: { status: 201 } } as const

/** What a page asks before anybody signs in. */
function addQuestions(routes: RouteTable<Scopes>, services: Services): void {
  routes
    .add(
      {
        ...open,
        method: 'get',
        path: '/api/v1/auth/config',
        summary: 'How one may sign in',
        answer: ConfigAnswer,
      },
      ({ c }) => answer(c, CONFIG),
    )
    .add(
      {
        ...open,
        method: 'get',
        path: '/api/v1/auth/csrf',
        summary: 'A token for cookie writes',
        answer: z.object({ csrf_token: z.string() }),
      },
      ({ c }) => answer(c, { csrf_token: csrfToken(services, c) }),
    )
}

/** What needs no credential. */
function addPublic(routes: RouteTable<Scopes>, services: Services, withNeeds: WithNeeds): void {
  addQuestions(routes, services)
  routes
    .add(
      {
        ...made,
        method: 'post',
        path: '/api/v1/auth/signup',
        summary: 'Sign up',
        body: NewUser,
        answer: SessionAnswer,
      },
      async ({ c, ctx, body }) => {
        const { email, password } = requireCredentials(body)
        const request = { email, password, displayName: null, passwordRules: PLAIN_RULES }
        const userMetadata = body.user_metadata ?? {}
        const tokens = await signUpAndIn(
          withNeeds(ctx),
          { ...request, userMetadata },
          SESSIONS,
        ).catch(hideTaken)
        return answer(c, signedIn(services, c, tokens), 201)
      },
    )
    .add(
      {
        ...open,
        method: 'post',
        path: '/api/v1/auth/signin',
        summary: 'Sign in',
        body: Credentials,
        answer: SessionAnswer,
      },
      async ({ c, ctx, body }) => {
        const tokens = await signIn(withNeeds(ctx), requireCredentials(body), SESSIONS)
        return answer(c, signedIn(services, c, tokens))
      },
    )
  addRefresh(routes, services, withNeeds)
}

function addRefresh(routes: RouteTable<Scopes>, services: Services, withNeeds: WithNeeds): void {
  routes.add(
    {
      ...open,
      method: 'post',
      path: '/api/v1/auth/refresh',
      summary: 'New tokens',
      body: Refresh,
      answer: SessionAnswer,
    },
    async ({ c, ctx, body }) => {
      const token = body.refresh_token || getCookie(c, REFRESH_COOKIE)
      if (!token) throw invalid('missing_field', 'Refresh token is required')
      limitRefresh(services, c, hashOfToken(token).toString('hex'))
      const tokens = await refreshSession(withNeeds(ctx), token, SESSIONS.family).catch(
        (error: unknown) => {
          clearCookies(services, c)
          throw error
        },
      )
      return answer(c, signedIn(services, c, tokens))
    },
  )
}

/** What stands beside the account itself. */
function addBeside(routes: RouteTable<Scopes>, withNeeds: WithNeeds): void {
  routes
    .add(
      {
        access: 'user',
        method: 'post',
        path: '/api/v1/auth/reauthenticate',
        summary: 'A nonce that shows one is still there',
        docs: {
          description: 'Good once, for five minutes, as `nonce` of `PATCH /api/v1/auth/user`.',
        },
        answer: z.object({ nonce: z.uuid() }),
      },
      async ({ c, ctx }) => answer(c, { nonce: await reauthenticate(withNeeds(ctx), ctx.caller) }),
    )
    .add(
      {
        access: 'user',
        method: 'get',
        path: '/api/v1/auth/user/identities',
        summary: 'Accounts elsewhere through which one may sign in',
        docs: { description: 'None: no provider can be set up yet.' },
        answer: z.object({ identities: z.array(z.never()) }),
      },
      ({ c }) => answer(c, { identities: [] }),
    )
}

/** What only somebody who signed in may do. */
function addAccount(routes: RouteTable<Scopes>, services: Services, withNeeds: WithNeeds): void {
  const own = {
    access: 'user',
    limit: LIMIT,
    path: '/api/v1/auth/user',
    answer: UserAnswer,
  } as const
  routes
    .add(
      {
        access: 'leaving',
        method: 'post',
        path: '/api/v1/auth/signout',
        summary: 'Sign out',
        answer: z.object({ message: z.string() }),
      },
      async ({ c, ctx }) => {
        if (ctx.caller.kind === 'user') await signOut(withNeeds(ctx), ctx.caller)
        clearCookies(services, c)
        return answer(c, { message: 'Successfully signed out' })
      },
    )
    .add({ ...own, method: 'get', summary: 'Who am I?' }, async ({ c, ctx }) => {
      const user = await findUser(withNeeds(ctx), ctx.caller.userId)
      if (!user) throw invalidToken()
      return answer(c, toWire(user))
    })
    .add(
      { ...own, method: 'patch', summary: 'Change address, password or metadata', body: Changes },
      async ({ c, ctx, body }) => {
        const { email, password, nonce, data, user_metadata: userMetadata = data } = body
        const changes = { email, password, nonce, userMetadata, passwordRules: PLAIN_RULES }
        return answer(c, toWire(await changeUser(withNeeds(ctx), ctx.caller, changes)))
      },
    )
}

export const answer = (c: Http, body: object, status: 200 | 201 = 200): Response =>
  c.json(body, status, { 'Content-Type': JSON_TYPE })

const { minLength, uppercase, lowercase, number, special } = PLAIN_RULES

const CONFIG: z.input<typeof ConfigAnswer> = {
  signup_enabled: true,
  require_email_verification: false,
  magic_link_enabled: false,
  password_login_enabled: true,
  mfa_available: false,
  password_min_length: minLength,
  password_require_uppercase: uppercase,
  password_require_lowercase: lowercase,
  password_require_number: number,
  password_require_special: special,
  oauth_providers: [],
  saml_providers: [],
  captcha: null,
}

type Given = { email?: string | undefined; password?: string | undefined }

function requireCredentials({ email, password }: Given): { email: string; password: string } {
  if (email && password) return { email, password }
  throw invalid('missing_field', 'Email and password are required')
}

/** A taken address is refused like any other that cannot be used. */
function hideTaken(error: unknown): never {
  const taken = error instanceof AppError && error.code === 'email_taken'
  throw taken ? invalid('registration_failed', 'Registration failed') : error
}

/** Tokens as Fluxbase words them; a browser gets them as cookies too. */
function signedIn(services: Services, c: Http, tokens: Tokens): z.input<typeof SessionAnswer> {
  const cookies = cookieOptions(services, c)
  setCookie(c, ACCESS_COOKIE, tokens.accessToken, { ...cookies.access, maxAge: tokens.expiresIn })
  setCookie(c, REFRESH_COOKIE, tokens.refreshToken, {
    ...cookies.refresh,
    maxAge: tokens.refreshExpiresIn,
  })
  return {
    user: toWire(tokens.user),
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    expires_in: tokens.expiresIn,
    token_type: 'bearer',
  }
}

function cookieOptions(services: Services, c: Http) {
  const common = { httpOnly: true, secure: services.publicUrl.startsWith('https:') }
  return {
    access: { ...common, path: '/', sameSite: 'Lax' },
    refresh: { ...common, path: `${rootOf(c, services)}/api/v1/auth`, sameSite: 'Strict' },
    csrf: { ...common, path: '/', sameSite: 'Strict', maxAge: CSRF_SECONDS },
  } as const satisfies Record<string, CookieOptions>
}

function clearCookies(services: Services, c: Http): void {
  const { access, refresh } = cookieOptions(services, c)
  deleteCookie(c, ACCESS_COOKIE, access)
  deleteCookie(c, REFRESH_COOKIE, refresh)
}

/** The one the browser has, or a new one when it has none of ours. */
function csrfToken(services: Services, c: Http): string {
  const known = getCookie(c, CSRF_COOKIE)
  if (known && /^[\w-]{43}$/.test(known)) return known
  const token = randomToken(32)
  setCookie(c, CSRF_COOKIE, token, cookieOptions(services, c).csrf)
  return token
}

/** The only place where a user becomes Fluxbase's. */
function toWire(user: User): z.input<typeof UserAnswer> {
  return {
    id: user.id,
    email: user.email,
    email_verified: user.emailVerified,
    role: user.role,
    user_metadata: user.userMetadata,
    metadata: user.userMetadata,
    app_metadata: user.appMetadata,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
  }
}
