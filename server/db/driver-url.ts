/** Addresses of databases as the driver takes them. */
import type { Secret } from '#core/secret'

/** The modes whose meaning the driver changes: to it, each of them is `verify-full`, after a warning. */
const OF_LIBPQ = new Set(['prefer', 'require', 'verify-ca'])

/**
 * `sslmode` means what PostgreSQL's own programs mean by it: `require` encrypts and trusts any certificate, unless
 * `sslrootcert` names who must have signed it. One address then does for Stead and for `psql`.
 */
export function driverUrl(url: Secret): string {
  const parsed = URL.parse(url.reveal())
  if (!parsed || !OF_LIBPQ.has(parsed.searchParams.get('sslmode') ?? '')) return url.reveal()
  parsed.searchParams.set('uselibpqcompat', 'true')
  return parsed.href
}
