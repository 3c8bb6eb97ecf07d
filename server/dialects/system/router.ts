/** What belongs to no dialect: health, the console page, the pages that explain errors. */
import { Hono } from 'hono'
import { z } from 'zod'
import type { Env } from '#http/env'
import { headerOf, rootOf } from '#http/request'
import { type Listed, RouteTable } from '#http/routes'
import type { Services } from '#services'
import { SYSTEM, type Words } from './about.ts'
import { consolePage } from './console.ts'
import { errorPages } from './error-pages.ts'
import { Health, health, Readiness, readiness, servicesFor } from './health.ts'
import { llmsText } from './llms.ts'
import { referencePage } from './reference.ts'

const Brief = Health.pick({ status: true, timestamp: true })

const unready = (shape: z.ZodType) => ({
  503: { description: 'Not in order', content: { 'application/json': shape } },
})

type Scopes = Record<Words, undefined>

/** Whoever begins at the root finds the rest from there. */
const guides = (root: string): string =>
  `<${root}/llms.txt>; rel="help", <${root}/openapi.json>; rel="service-desc", <${root}/docs/api>; rel="service-doc"`

/** @param listed every route of the instance, for the page that describes them */
export function system(services: Services, listed: Listed): RouteTable<Scopes> {
  const hono = new Hono<Env>()
  const routes = new RouteTable<Scopes>(SYSTEM, hono, { public: async () => () => undefined })
  const open = { method: 'get', access: 'public' } as const
  routes.add(
    {
      ...open,
      path: '/health',
      summary: 'Is the process alive?',
      answer: Health,
      docs: { answers: unready(Health) },
    },
    async ({ c }) => {
      const { ok, body } = await health(services)
      return c.json({ ...body, ...(await servicesFor(services, c, ok)) }, ok ? 200 : 503)
    },
  )
  routes.add(
    {
      ...open,
      path: '/health/ready',
      summary: 'Are its databases reachable?',
      docs: {
        description:
          'Asks the control database and the clusters of all regions. Ready is who reaches the control database and a region; where regions have clusters of their own, `regions` says of each whether it answers.',
        answers: unready(Readiness),
      },
      answer: Readiness,
    },
    async ({ c }) => {
      const { ok, body } = await readiness(services)
      return c.json(body, ok ? 200 : 503)
    },
  )
  routes.add(
    {
      ...open,
      path: '/',
      summary: 'The console for a browser, health for others',
      docs: {
        description: 'A browser is who accepts `text/html`.',
        answers: {
          200: { content: { 'text/html': z.string(), 'application/json': Brief } },
          ...unready(Brief),
        },
      },
    },
    async ({ c }) => {
      if (headerOf(c, 'accept')?.includes('text/html')) return consolePage(c, services)
      const { ok, body } = await health(services)
      c.header('Link', guides(rootOf(c, services)))
      return c.json({ status: body.status, timestamp: body.timestamp }, ok ? 200 : 503)
    },
  )
  addPages(routes, services, listed)
  return routes
}

/** What explains the instance, to people and to agents. */
function addPages(routes: RouteTable<Scopes>, services: Services, listed: Listed): void {
  const open = { method: 'get', access: 'public' } as const
  const text = { ...open, docs: { type: 'text/html' } }
  routes.add({ ...text, path: '/docs/errors', summary: 'What each error code means' }, ({ c }) =>
    errorPages(c, services),
  )
  const page = referencePage(services, listed)
  routes.add({ ...text, path: '/docs/api', summary: 'Every route, for people' }, ({ c }) => page(c))
  const llms = llmsText(services, listed)
  routes.add(
    {
      ...open,
      path: '/llms.txt',
      summary: 'How to build on this instance, for agents',
      docs: { type: 'text/plain' },
    },
    ({ c }) => c.body(llms(), 200, { 'Content-Type': 'text/plain; charset=utf-8' }),
  )
}
