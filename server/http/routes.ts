/** The table of routes: each states who may call it, and is mounted, guarded and documented from there. */
import type { Hono, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import { invalid } from '#core/errors'
import { fromConnection } from '#db/sqlstate'
import type { About, RouteDocs } from './about.ts'
import { readJson, refuseNulIn, validated } from './body.ts'
import type { Env, Http } from './env.ts'
import { Outages } from './outage.ts'
import { markWhole } from './remembering-router.ts'

export type Method = 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete' | 'options' | 'all'

export type RouteSpec<
  Access extends string,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
> = {
  method: Method
  /** OpenAPI spelling: `/v1/{app_id}/schema`. */
  path: string
  /** Who may call it, in the dialect's words; its guard stands behind the word. */
  access: Access
  summary: string
  /**
   * What a key that is bound by scopes needs: such a key is refused where no scope is named. A whole word, such as
   * `tables:read`, is asked for here; of an area, such as `tables`, the handler asks for the right one itself.
   */
  scope?: string
  /** Shape of the JSON body; absent = the handler reads the body itself, or there is none. */
  body?: Body
  /** Bytes of body at most; default 1 MiB. */
  limit?: number
  /** The body's texts may hold NUL, which PostgreSQL cannot keep: the domain judges them. */
  anyText?: boolean
  /** Shape of the good answer, for the documentation: every answer that has a body states it, here or in `docs`. */
  answer?: z.ZodType
  docs?: RouteDocs
}

/** A route as listed: what documentation and the isolation matrix are made from. */
export type ListedRoute = RouteSpec<string> & { dialect: About }

/** Every route of every dialect; they are all known once a request comes. */
export type Listed = () => readonly ListedRoute[]

/** `admit` answers who is asking before the body is read; what it gives back finds the app afterwards. */
export type Guard<Ctx> = (c: Http, spec: RouteSpec<string>) => Promise<() => Promise<Ctx> | Ctx>

/** What happens around every route of a dialect. */
export type Around = {
  /** Before anything else; an answer that it gives is the answer. */
  before?: (c: Http) => Response | Promise<Response> | undefined
  /** When there is an answer, or an error that will become one. */
  after?: (c: Http, failed: boolean) => Promise<unknown> | undefined
}

export type Call<Ctx, Body> = { c: Http; ctx: Ctx; body: Body }

type BodyOf<Body> = Body extends z.ZodType ? z.output<Body> : undefined

export type Handler<Ctx, Body> = (call: Call<Ctx, BodyOf<Body>>) => Promise<Response> | Response

/** `/v1/{app_id}/x` for Hono; an app id is told from words that stand at the same place by its shape. */
const honoPath = (path: string): string =>
  path
    .replaceAll('{app_id}', ':app_id{app_[0-9a-z]+}')
    .replaceAll(/\{([a-z_A-Z]+)\}/g, (_, name: string) => `:${name}`)

/** Nothing has a name with NUL in it, and PostgreSQL's text cannot hold one. */
function refuseNul(c: Http): void {
  if (c.req.path.includes('\0'))
    throw invalid('malformed_path', 'A path cannot hold the character NUL')
}

async function readBody<S extends z.ZodType>(c: Http, spec: ListedRoute, shape: S) {
  const value = await readJson(c, {
    ...(spec.limit === undefined ? {} : { limit: spec.limit }),
    strictEmpty: spec.dialect.refusesEmptyJson ?? false,
  })
  if (!spec.anyText) refuseNulIn(value)
  return validated(shape, value)
}

const asMiddleware =
  ({ before, after }: Around): MiddlewareHandler<Env> =>
  async (c, next) => {
    const early = before?.(c)
    if (early) return early
    await next()
    await after?.(c, c.error !== undefined)
    return undefined
  }

/** @typeParam Scopes the dialect's words for access, each with the context its guard gives */
export class RouteTable<Scopes extends Record<string, unknown>> {
  readonly dialect: About
  readonly hono: Hono<Env>
  readonly listed: ListedRoute[] = []
  readonly #guards: { [A in keyof Scopes]: Guard<Scopes[A]> }
  readonly #outages = new Outages()
  #around: Around = {}

  constructor(
    dialect: About<keyof Scopes & string>,
    hono: Hono<Env>,
    guards: { [A in keyof Scopes]: Guard<Scopes[A]> },
  ) {
    this.dialect = dialect
    this.hono = hono
    this.#guards = guards
  }

  add<A extends keyof Scopes & string, Body extends z.ZodType | undefined = undefined>(
    spec: RouteSpec<A, Body>,
    handler: Handler<Scopes[A], Body>,
  ): this {
    const listed = { ...spec, dialect: this.dialect }
    this.listed.push(listed)
    const guard = this.#guards[spec.access]
    const { before, after } = this.#around
    const run = async (c: Http): Promise<Response> => {
      const early = before?.(c)
      if (early) return early
      try {
        const enter = await guard(c, spec)
        refuseNul(c)
        const body = spec.body && (await readBody(c, listed, spec.body))
        const entered = enter()
        const ctx = entered instanceof Promise ? await entered : entered
        const answer = await handler({ c, ctx, body: body as BodyOf<Body> })
        await after?.(c, false)
        return answer
      } catch (error) {
        await after?.(c, true)
        this.#outages.tell(c, error)
        // A database that cannot be reached is nobody's mistake, whichever statement met it.
        throw fromConnection(error)
      }
    }
    const path = honoPath(spec.path)
    if (before ?? after) markWhole(run)
    if (spec.method === 'all') this.hono.all(path, run)
    else this.hono.on(spec.method.toUpperCase(), path, run)
    return this
  }

  /**
   * Surrounds the routes that are added from now on, and what no route of `paths` takes. Call it first, with paths
   * that hold all of the routes.
   */
  surround(paths: readonly string[], around: Around): this {
    this.#around = around
    for (const path of paths) this.hono.use(path, asMiddleware(around))
    return this
  }
}
