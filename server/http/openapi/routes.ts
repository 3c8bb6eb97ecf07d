/** The routes of the instance as a part of the document. */
import type { About } from '#http/about'
import type { ListedRoute } from '#http/routes'
import type { Draft, Part, Schema } from './document.ts'
import { methodsOf, operationOf } from './operation.ts'
import { canonicalPaths } from './paths.ts'
import { Schemas } from './schema.ts'

const TENANT_PARAMETER: Schema = {
  name: 'X-FB-Tenant',
  in: 'header',
  description:
    'The app that is meant: its id, subdomain or tenant id. Without it, the host’s, else the credential’s, else the default app.',
  schema: { type: 'string' },
}

/** Every route, once per method; where two routes have one path and method, the first. */
export function routesPart(routes: readonly ListedRoute[]): Part {
  return async (draft) => {
    const dialects = [...new Set(routes.map(({ dialect }) => dialect))]
    const canonical = canonicalPaths(routes.map(({ path }) => path))
    const schemas = new Schemas(draft.version)
    for (const { title, description } of dialects) draft.tag(title, description)
    for (const route of routes) {
      const path = canonical(route.path)
      for (const method of methodsOf(route)) {
        draft.operation(path, method, () => operationOf(route, { path, method, schemas }))
      }
      await draft.pause()
    }
    addComponents(draft, dialects, schemas)
  }
}

function addComponents(draft: Draft, dialects: readonly About[], schemas: Schemas): void {
  for (const { error, title } of dialects) {
    draft.component('schemas', error.name, schemas.of(error.body, 'output'))
    draft.component('responses', error.name, {
      description: `Refused, or failed; the body says why (${title})`,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${error.name}` } } },
    })
  }
  for (const [name, schema] of schemas.named) draft.component('schemas', name, schema)
  if (dialects.some(({ namesAppByHeader }) => namesAppByHeader)) {
    draft.component('parameters', 'Tenant', TENANT_PARAMETER)
  }
}
