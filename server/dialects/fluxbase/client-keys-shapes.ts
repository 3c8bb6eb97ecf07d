/** What is sent and answered at /api/v1/client-keys. */
import { z } from 'zod'
import { invalid } from '#core/errors'
import { needing } from '#http/about'
import type { Http } from '#http/env'

const Name = z.string().max(255).meta({ minLength: 1 })
const Description = z.string().max(2000)
const ScopeList = z
  .array(z.string().min(1).max(200))
  .max(100)
  .meta({ minItems: 1 })
  .describe('Such as `tables:read`, `read`, `*`; unknown words are kept and grant nothing')
const Rate = z.int().min(1).max(1_000_000).describe('Requests in a minute at most')

const rates = { rate_limit_per_minute: Rate.nullish(), rate_limit: Rate.nullish() }

const New = z.object({
  name: Name.nullish(),
  description: Description.nullish(),
  scopes: ScopeList.nullish(),
  ...rates,
  allowed_namespaces: z.array(z.string().min(1).max(200)).max(100).nullish(),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  expires_in: z
    .string()
    .regex(/^\d{1,6}[smhdw]$/, 'use a number with s, m, h, d or w, such as 30d')
    .nullish()
    .describe('A time from now, such as `30d` or `24h`, instead of `expires_at`'),
})

export const NewKey = needing(New, 'name', 'scopes')

export type KeyBody = z.output<typeof NewKey>

export const KeyChanges = z.object({
  name: Name.nullish(),
  description: Description.nullish(),
  scopes: ScopeList.nullish(),
  ...rates,
})

const Time = z.iso.datetime()

export const OneKey = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  key_prefix: z.string().describe('The first twelve characters of its text'),
  user_id: z.uuid().nullable().describe('Whom it acts as; null = nobody in particular'),
  scopes: z.array(z.string()),
  allowed_namespaces: z.array(z.string()).nullable(),
  rate_limit_per_minute: z.int(),
  created_at: Time,
  updated_at: Time,
  last_used_at: Time.nullable(),
  expires_at: Time.nullable(),
  revoked_at: Time.nullable(),
})

export const MadeKey = OneKey.extend({
  client_key: OneKey,
  key: z.string().describe('The text that requests show'),
})

export const KeyList = z.object({ client_keys: z.array(OneKey), total: z.int() })

export const Said = z.object({ success: z.literal(true), message: z.string() })

export const ChangedKey = OneKey.extend(Said.shape)

type Rates = Pick<KeyBody, 'rate_limit_per_minute' | 'rate_limit'>

export const rateOf = ({ rate_limit_per_minute: rate, rate_limit: alias }: Rates) =>
  rate ?? alias ?? undefined

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

type Expiring = Pick<KeyBody, 'expires_at' | 'expires_in'>

/** @throws `invalid` invalid_body when both are given, or a year that RFC 3339 cannot write */
export function expiryOf({ expires_at: at, expires_in: span }: Expiring, now: Date) {
  if (at && span) throw invalid('invalid_body', 'Give expires_at or expires_in, not both')
  if (!at && !span) return undefined
  const expiry = at ? new Date(at) : after(now, span ?? '')
  const year = expiry.getUTCFullYear()
  if (year < 1 || year > 9999)
    throw invalid('invalid_body', 'The key would expire in no usual year')
  return expiry
}

function after(now: Date, span: string): Date {
  const seconds = Number(span.slice(0, -1)) * (SECONDS[span.slice(-1)] ?? 0)
  return new Date(now.getTime() + seconds * 1000)
}

const LONGEST_PAGE = 1000

/** @throws `invalid` invalid_body */
export const pageOf = (c: Http) => ({
  limit: Math.min(countIn(c, 'limit') ?? LONGEST_PAGE, LONGEST_PAGE),
  offset: countIn(c, 'offset') ?? 0,
})

function countIn(c: Http, name: string): number | undefined {
  const text = c.req.query(name)
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw invalid('invalid_body', `${name} must be a whole number, 0 or more`)
}
