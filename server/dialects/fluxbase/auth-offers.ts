/** What a sign-in page asks before it is drawn: is there a captcha, and through whom else may one come? */
import { z } from 'zod'
import { invalid } from '#core/errors'
import { needing } from '#http/about'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { answer, open } from './auth.ts'
import type { Scopes } from './guards.ts'

/** What a captcha could stand before. */
const GUARDED = ['signup', 'login', 'password_reset', 'magic_link'] as const

const isGuarded = (endpoint: unknown): boolean => GUARDED.some((one) => one === endpoint)

const Body = z.object({
  // Whatever else is sent has an error word of its own.
  endpoint: z
    .unknown()
    .optional()
    .meta({ type: 'string', enum: [...GUARDED], description: 'What is to come' }),
  email: z.string().nullish(),
  device_fingerprint: z.string().nullish(),
  trust_token: z.string().nullish(),
})

const Check = needing(Body, 'endpoint')

const CheckAnswer = z.object({
  captcha_required: z.literal(false),
  reason: z.literal('captcha_disabled'),
  challenge_id: z.literal('').describe('Nothing needs to be sent along'),
  expires_at: z.iso.datetime().describe('Ask again after this'),
})

export const OFFER_ANSWERS = { invalid_endpoint: [400, 'INVALID_ENDPOINT'] } as const

const CHECK_MS = 5 * 60_000

export function addAuthOffers(routes: RouteTable<Scopes>, { clock }: Services): void {
  routes.add(
    {
      ...open,
      method: 'get',
      path: '/api/v1/auth/captcha/config',
      summary: 'Is there a captcha?',
      docs: { description: 'No. Stead works with no captcha provider yet.' },
      answer: z.object({ enabled: z.literal(false) }),
    },
    ({ c }) => answer(c, { enabled: false }),
  )
  routes.add(
    {
      ...open,
      method: 'post',
      path: '/api/v1/auth/captcha/check',
      summary: 'Must a captcha be solved before this?',
      body: Check,
      answer: CheckAnswer,
    },
    ({ c, body }) => {
      if (!isGuarded(body.endpoint)) {
        throw invalid('invalid_endpoint', `endpoint must be one of ${GUARDED.join(', ')}`)
      }
      return answer(c, {
        captcha_required: false,
        reason: 'captcha_disabled',
        challenge_id: '',
        expires_at: new Date(clock().getTime() + CHECK_MS).toISOString(),
      })
    },
  )
  addProviders(routes)
}

/** None can be set up yet; the lists are there, so that a page that goes through them draws no button. */
function addProviders(routes: RouteTable<Scopes>): void {
  const none = {
    ...open,
    method: 'get',
    answer: z.object({ providers: z.array(z.never()) }),
  } as const
  const summary = 'Through whom one may sign in'
  routes
    .add(
      { ...none, path: '/api/v1/auth/oauth/providers', summary: `${summary}, by OAuth` },
      ({ c }) => answer(c, { providers: [] }),
    )
    .add(
      { ...none, path: '/api/v1/auth/saml/providers', summary: `${summary}, by SAML` },
      ({ c }) => answer(c, { providers: [] }),
    )
}
