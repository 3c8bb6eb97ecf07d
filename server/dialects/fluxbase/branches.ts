/** Branches of an app's database, of which there is the main one only. */
import { unavailable } from '#core/errors'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'

/** What each row is read from and written to: to take another for it would write tests into what is real. */
const MAIN = 'main'

/** The query string of rows is read where it is known whether a column has the name. */
const OF_ROWS = /^\/api\/v1\/tables(\/|$)/

/** @throws `unavailable` branching_disabled when the request names a branch that is not the main one */
export function requireMainBranch(c: Http): void {
  requireMain(headerOf(c, 'x-fluxbase-branch'))
  if (!OF_ROWS.test(c.req.path)) requireMain(c.req.query('branch'))
}

/** @throws `unavailable` branching_disabled */
export function requireMain(name: string | undefined): void {
  if (!name || name === MAIN) return
  throw unavailable(
    'branching_disabled',
    'Database branching is not enabled: leave the branch out, or name "main"',
    {
      hint: 'Leave the branch out, or name "main".',
    },
  )
}
