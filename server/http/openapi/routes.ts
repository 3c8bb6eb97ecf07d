/** The routes of the instance as parts of the document. */
import type { About } from '#http/about'
import type { ListedRoute } from '#http/routes'
import { type Parts, type PathItem, type Schema, type Version } from './document.ts'
import { methodsOf, operationOf } from './operation.ts'
import { canonicalPaths } from './paths.ts'
import { schemaOf } from './schema.ts'

const TENANT_PARAMETER: Schema = {
  name: 'X-FB-Tenant',
  in: 'header',
  description:
    'The app that is meant: its id, subdomain or tenant id. Without it, the host’s, else the credential’s, else the default app.',
  schema: { type: 'string' },
}

/** Every route, once per method; where two routes have one path and method, the first. */
export function routeParts(routes: readonly ListedRoute[], version: Version): Parts {
  const dialects = [...new Set(routes.map(({ dialect }) => dialect))]
  const canonical = canonicalPaths(routes.map(({ path }) => path))
  const paths: Record<string, PathItem> = {}
  for (const route of routes) {
    const path = canonical(route.path)
    const item = (paths[path] ??= {})
    for (const method of methodsOf(route)) {
      item[method] ??= operationOf(route, { path, method, version })
    }
  }
  return {
    tags: dialects.map(({ title, description }) => ({ name: title, description })),
    paths,
    components: componentsOf(dialects, version),
  }
}

function componentsOf(dialects: readonly About[], version: Version): Parts['components'] {
  const errors = dialects.map(({ error, title }) => ({ ...error, title }))
  return {
    schemas: Object.fromEntries(errors.map(({ name, body }) => [name, schemaOf(body, version)])),
    responses: Object.fromEntries(
      errors.map(({ name, title }) => [
        name,
        {
          description: `Refused, or failed; the body says why (${title})`,
          content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } },
        },
      ]),
    ),
    parameters: dialects.some(({ namesAppByHeader }) => namesAppByHeader)
      ? { Tenant: TENANT_PARAMETER }
      : {},
  }
}
