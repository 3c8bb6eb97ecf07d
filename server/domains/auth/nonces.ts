/** A nonce shows that a user was here a moment ago; a change of oneself may carry one. */
import type { UserCaller } from '#domains/accounts'
import { invalid } from '#core/errors'
import { isUuid, uuid } from '#core/ids'
import type { Tx } from '#db/database'
import type { AuthContext } from './context.ts'
import { consumeOneTimeToken, insertOneTimeToken } from './one-time-tokens.sql.ts'
import { hashOfToken } from './sessions.ts'
import { storeOf } from './store.ts'
import { userGone } from './tokens.ts'

const PURPOSE = 'reauthentication'

const LIFETIME_MS = 5 * 60_000

/** Of one user at once; a further one voids the oldest. */
const MAX_LIVE = 10

/**
 * A new nonce of the user: good once, for five minutes.
 * @throws `unauthenticated` invalid_token when the user is gone
 */
export async function reauthenticate(
  ctx: AuthContext,
  { userId }: Pick<UserCaller, 'userId'>,
): Promise<string> {
  if (!isUuid(userId)) throw userGone()
  const nonce = uuid()
  const now = ctx.clock()
  const made = await insertOneTimeToken(storeOf(ctx).query, {
    purpose: PURPOSE,
    userId,
    hash: hashOfToken(nonce),
    now,
    expiresAt: new Date(now.getTime() + LIFETIME_MS),
    keep: MAX_LIVE - 1,
  })
  if (!made) throw userGone()
  return nonce
}

/** @throws `invalid` invalid_nonce */
export async function requireGoodNonce(
  tx: Tx,
  ctx: AuthContext,
  { userId, nonce }: { userId: string; nonce: string },
): Promise<void> {
  const proof = { purpose: PURPOSE, userId, hash: hashOfToken(nonce), now: ctx.clock() }
  if (!(await consumeOneTimeToken(tx, proof))) {
    throw invalid('invalid_nonce', 'Invalid or expired nonce', {
      hint: 'Each is good once, for five minutes: get another with POST /api/v1/auth/reauthenticate.',
    })
  }
}
