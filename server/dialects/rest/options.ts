/** `OPTIONS`: what can be done with a table, a view, a function. */
import { notFound } from '#core/errors'
import { catalogOf, type Relation, relationOf, type RoutineFacts } from '#domains/data'
import type { Http } from '#http/env'
import type { RestContext } from './guards.ts'
import { readRequest } from './request.ts'

/** @throws `not_found` table_not_found */
export async function tableOptions(c: Http, ctx: RestContext, table: string): Promise<Response> {
  const { schema } = readRequest(c, ctx.dataApi)
  ctx.timings?.lap('parse')
  return allow(c, methodsOf(await relationOf(ctx, { schema, table, wholeOnly: true })))
}

/** @throws `not_found` function_not_found */
export async function callOptions(c: Http, ctx: RestContext, name: string): Promise<Response> {
  const { schema } = readRequest(c, ctx.dataApi)
  ctx.timings?.lap('parse')
  const routines = (await catalogOf(ctx, true)).routines(schema, name)
  const [first] = routines
  if (!first) throw noFunction(schema, name)
  const writes = routines.every(({ volatility }) => volatility === 'v')
  return allow(c, writes ? ['POST'] : ['GET', 'HEAD', 'POST'])
}

export async function rootOptions(c: Http, ctx: RestContext): Promise<Response> {
  ctx.timings?.lap('parse')
  return allow(c, ['GET', 'HEAD'])
}

function methodsOf({ writes, primaryKey }: Relation): string[] {
  const methods = ['GET', 'HEAD']
  if (writes.insert) methods.push('POST')
  if (writes.insert && writes.update && primaryKey.length > 0) methods.push('PUT')
  if (writes.update) methods.push('PATCH')
  if (writes.delete) methods.push('DELETE')
  return methods
}

const allow = (c: Http, methods: readonly string[]): Response =>
  c.body(null, 200, {
    Allow: ['OPTIONS', ...methods].join(),
    'Access-Control-Allow-Origin': '*',
    'Content-Length': '0',
  })

function noFunction(schema: string, name: string) {
  const facts: RoutineFacts = { schema, name, arguments: [] }
  const message = `Could not find the function ${schema}.${name} without parameters in the schema cache`
  return notFound('function_not_found', message, { details: facts })
}
