/** The parts of Supabase that its client asks beside rows: none is here, and each says so in words that the client shows. */
import { allowOrigin, isPreflight, preflight, type CorsRules } from '#http/cors'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'

/** What to do instead; the client shows its user the message alone, so the advice is in it. */
const INSTEAD = new Map([
  [
    'auth/v1',
    'sign in at POST /api/v1/auth/signin and have the accessToken of createClient give the token',
  ],
  ['functions/v1', 'a function is called at /v1/{app_id}/fn/{name}'],
  ['graphql/v1', 'GraphQL is at POST /api/v1/graphql'],
  ['realtime/v1', 'nobody is told of changes yet, so ask again for the rows'],
  ['storage/v1', 'files cannot be kept yet'],
])

const PART = /^\/([a-z]+\/v1)(?:\/|$)/

/** Undefined for a path that is none of Supabase's. */
export async function supabaseAnswer(c: Http): Promise<Response | undefined> {
  const part = PART.exec(c.req.path)?.[1] ?? ''
  const instead = INSTEAD.get(part)
  if (instead === undefined) return undefined
  // A page that may not read the answer would only hear that fetching failed.
  const rules: CorsRules = {
    allows: '*',
    methods: 'GET, POST, PUT, PATCH, DELETE',
    headers: headerOf(c, 'access-control-request-headers') ?? '*',
  }
  if (isPreflight(c)) return preflight(c, rules)
  await allowOrigin(c, rules)
  const message = `Stead has no /${part}: ${instead}`
  const hint = "docs/supabase.md tells what works with Supabase's client."
  return c.json({ code: 'RESOURCE_NOT_FOUND', message, details: null, hint }, 404)
}
