/** `ctx` and the headers of a function, as far as the server says them. */
import type { App, Apps } from '#domains/apps'
import type { HeaderList } from '#isolates'
import type { RunsAs } from './callers.ts'
import type { Deployed } from './deployed.ts'

export type RequestFacts = {
  id: string
  ip: string | undefined
  functionName: string
}

type Facts = { env: Record<string, string>; app: Record<string, unknown> }

/** What follows from the app alone. A changed app is another object. */
const known = new WeakMap<App, Facts>()

async function factsOf(apps: Apps, publicUrl: string, app: App): Promise<Facts> {
  const ready = known.get(app)
  if (ready) return ready
  const anonKey = await apps.apiKey(app, 'anon')
  const { accessTokenTtl, refreshTokenTtlDays } = app.jwtConfig
  const facts = {
    env: {
      BUTTERBASE_APP_ID: app.id,
      BUTTERBASE_API_URL: publicUrl,
      BUTTERBASE_APP_NAME: app.name,
      BUTTERBASE_REGION: app.region,
      BUTTERBASE_ANON_KEY: anonKey,
      BUTTERBASE_SUBDOMAIN: app.subdomain,
    },
    app: {
      id: app.id,
      name: app.name,
      ownerId: app.ownerId,
      substrateOrganizationId: null,
      region: app.region,
      subdomain: app.subdomain,
      anonKey,
      allowedOrigins: app.allowedOrigins,
      frontend: null,
      auth: { accessTokenTtl, refreshTokenTtlDays, hookFunction: app.authHookFunction },
      ai: null,
      billing: null,
    },
  }
  known.set(app, facts)
  return facts
}

type Subject = { app: App; fn: Deployed; runsAs: RunsAs; request: RequestFacts }

export async function contextOf(
  apps: Apps,
  publicUrl: string,
  { app, fn, runsAs, request }: Subject,
) {
  const facts = await factsOf(apps, publicUrl, app)
  return {
    env: { ...fn.env, ...facts.env },
    user: runsAs.user,
    caller: runsAs.caller,
    app: facts.app,
    request: { ...request, ip: request.ip ?? null, country: null },
  }
}

/** Hop-by-hop, what the server says itself, and what no caller may say. */
const NOT_FORWARDED = new Set(
  `connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding
  upgrade expect host content-length content-encoding accept-encoding x-user-id x-app-id x-trigger-type
  x-webhook-provider x-butterbase-loop-depth`.split(/\s+/),
)

const SAID_BY_US = 'x-butterbase-caller-'

export function forwardedHeaders(
  given: Iterable<readonly [name: string, value: string]>,
  said: Record<string, string | null | undefined>,
): HeaderList {
  const headers: HeaderList = []
  for (const [name, value] of given) {
    const lower = name.toLowerCase()
    if (NOT_FORWARDED.has(lower) || lower.startsWith(SAID_BY_US)) continue
    headers.push([lower, value])
  }
  for (const [name, value] of Object.entries(said)) if (value) headers.push([name, value])
  return headers
}

/** What the platform tells the function in headers. */
export const platformHeaders = (app: App, trigger: string, { user, caller }: RunsAs) => ({
  'x-app-id': app.id,
  'x-trigger-type': trigger,
  'x-user-id': user && headerText(user.id),
  [`${SAID_BY_US}type`]: caller.type,
})

/** An id that a function named may hold what a header cannot; `ctx.user` has it in full. */
const headerText = (text: string): string | null => (/^[\x21-\x7e]+$/.test(text) ? text : null)
