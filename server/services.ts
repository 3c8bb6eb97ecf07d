/** Everything that lives as long as the process, made once by app.ts; dialects are built from it. */
import type { Caller, Credentials } from '#domains/accounts'
import type { Apps, Context } from '#domains/apps'
import type { Identifier, SignInHooks } from '#domains/auth'
import type { CatalogCache } from '#domains/data'
import type { Functions } from '#domains/functions'
import type { Clock } from '#core/clock'
import type { Keyring } from '#core/keyring'
import type { Log } from '#core/log'
import type { Database } from '#db/database'
import type { Http } from '#http/env'
import type { RateLimiter } from '#http/rate-limit'
import { clientIp, headerOf } from '#http/request'
import type { Config } from './config.ts'
import type { SchemaWatch } from './schema-watch.ts'

export type Services = {
  config: Config
  /** How the world reaches the API, without a slash at the end. */
  publicUrl: string
  /** The control database. */
  platform: Database
  keyring: Keyring
  credentials: Credentials
  apps: Apps
  identifier: Identifier
  /** Who hears that somebody signed up or in. */
  signInHooks: SignInHooks
  /** What each app's database offers, for the data dialects. */
  catalogs: CatalogCache
  schemaWatch: SchemaWatch
  functions: Functions
  limiter: RateLimiter
  trustedProxies: ReadonlySet<string>
  clock: Clock
  log: Log
}

/** The context of a request, once it is known who asks. */
export function requestContext(services: Services, c: Http, caller: Caller): Context {
  const { platform, apps, credentials, keyring, clock, log, trustedProxies } = services
  return {
    platform,
    apps,
    credentials,
    keyring,
    clock,
    log,
    caller,
    requestId: c.env.requestId,
    ip: clientIp(c, trustedProxies),
    userAgent: headerOf(c, 'user-agent'),
  }
}
