/** What is answered where no route is: which methods the path takes, and for a browser a page with ways on. */
import { html } from 'hono/html'
import { type AppError, notFound } from '#core/errors'
import type { Http } from '#http/env'
import { headerOf, type PublicAddress, rootOf } from '#http/request'
import type { Listed, ListedRoute } from '#http/routes'
import { LOGO } from './console-style.ts'
import { headOf, sealPage } from './sealed-page.ts'

type Shape = { pattern: RegExp; parameters: number; methods: Set<string> }

const LOOK_UP =
  'Look up paths and methods at /docs/api, programs at /openapi.json, agents at /llms.txt; an app id begins with app_.'

/** @param listed every route of the instance; asked for when the first request finds none */
export function nothingAt(listed: Listed): (c: Http) => AppError {
  let shapes: readonly Shape[] | undefined
  return ({ req: { method, path } }) => {
    shapes ??= shapesOf(listed())
    const [nearest] = shapes.filter(({ pattern }) => pattern.test(path))
    const methods = [...(nearest?.methods ?? [])]
    if (methods.length === 0 || methods.includes(method)) {
      return notFound('route_not_found', `There is nothing at ${path}`, { hint: LOOK_UP })
    }
    const taken = methods.join(', ')
    return notFound('route_not_found', `There is nothing at ${path} for ${method}`, {
      hint: `This path takes ${taken}; what goes in and out is told at /docs/api.`,
    })
  }
}

/** The paths of all routes, those with the fewest parameters first: they are meant before names of tables are. */
function shapesOf(routes: readonly ListedRoute[]): Shape[] {
  return [...Map.groupBy(routes, ({ path }) => path)]
    .map(([path, same]) => ({
      pattern: patternOf(path),
      parameters: path.split('{').length - 1,
      methods: new Set(same.map(({ method }) => method.toUpperCase())),
    }))
    .toSorted((one, other) => one.parameters - other.parameters)
}

function patternOf(path: string): RegExp {
  const parts = path.split(/(\{[^}]+\})/).map((part) => {
    if (part === '{app_id}') return 'app_[0-9a-z]+'
    return part.startsWith('{') ? '[^/]+' : RegExp.escape(part)
  })
  return new RegExp(`^${parts.join('')}/?$`)
}

/** Somebody typed an address, or followed a link: JSON would help them little. */
export const isBrowsing = (c: Http): boolean =>
  c.req.method === 'GET' && headerOf(c, 'accept')?.includes('text/html') === true

export function nowherePage(
  c: Http,
  address: PublicAddress,
  { message, hint }: AppError,
): Promise<Response> | Response {
  const nonce = sealPage(c)
  const root = rootOf(c, address)
  c.header('Vary', 'Accept', { append: true })
  return c.html(
    html`<!doctype html>
<html lang="en">
  ${headOf({ title: 'Nothing here · Stead', nonce })}
  <body>
    <main>
      <header>${LOGO}<h1>Nothing here</h1></header>
      <section>
        <p><b>${message}.</b></p>
        <p>${hint}</p>
      </section>
      <nav aria-label="Pages">
        <a href="${root}/">Console</a>
        <a href="${root}/docs/api">API reference</a>
        <a href="${root}/docs/errors">What each error means</a>
      </nav>
    </main>
  </body>
</html>`,
    404,
  )
}
