/** `/rpc/{function}`: functions as GET, HEAD and POST. */
import {
  argumentNames,
  type CallArguments,
  type Catalog,
  columnsOf,
  type DataRequest,
  type DataResult,
  execute,
  type Literal,
  operatorHead,
  payloadOf,
  rowsOf,
  rowsOfJson,
} from '#domains/data'
import type { Http } from '#http/env'
import type { RestContext } from './guards.ts'
import { baseHeaders, send } from './answer.ts'
import { contentTypeOf, formOf, notSupported, readBody } from './body.ts'
import { buildQuery, type Param, type Params } from './params.ts'
import { literal, pageOf } from './read.ts'
import { ALL, contentRange, rangeStatus, readRange } from './range.ts'
import { type RestRequest, readRequest } from './request.ts'

const APPLICABLE = ['count', 'tx', 'handling', 'timezone', 'maxAffected'] as const

export async function callFunction(c: Http, ctx: RestContext, name: string): Promise<Response> {
  const request = readRequest(c, ctx.dataApi)
  const posts = c.req.method === 'POST'
  const body = posts ? await readArguments(c) : undefined
  const header = c.req.method === 'GET' ? readRange(c.req.header('range')) : ALL
  const page = pageOf(request.params, header)
  const result = await execute(ctx, {
    ...request,
    shape: undefined,
    slots: request.params.slots,
    build: (catalog) => {
      const given = body ?? urlArguments(catalog, request, name)
      const call = buildCall(request, {
        name,
        given,
        isArgument: argumentTest(catalog, { request, name, posts }),
      })
      if (header === ALL) return { ...call, readOnly: !posts }
      const limit = page.limit === undefined ? undefined : literal(page.limit, -1)
      const query = { ...call.query, offset: literal(page.offset, -1), limit }
      return { ...call, query, readOnly: !posts }
    },
  })
  return answer(c, { request, result, offset: page.offset })
}

type Building = { name: string; given: CallArguments; isArgument: (param: Param) => boolean }

function buildCall(
  { schema, params, media, preferences }: RestRequest,
  { name, given, isArgument }: Building,
): Extract<DataRequest, { kind: 'call' }> {
  return {
    kind: 'call',
    schema,
    name,
    arguments: given,
    query: buildQuery(params, { paged: false, isForeign: isArgument }),
    output: { format: media.format, stripNulls: media.stripNulls, count: preferences.count },
    readOnly: false,
  }
}

const RESERVED = /(^|\.)(select|order|limit|offset|columns|on_conflict|apikey|(not\.)?(and|or))$/

/** A parameter is an argument when a function of that name has it; others filter the result. */
function argumentTest(
  catalog: Catalog,
  { request, name, posts }: { request: RestRequest; name: string; posts: boolean },
): (param: Param) => boolean {
  if (posts) return () => false
  const names = argumentNames(catalog, request.schema, name)
  return ({ key, value }) =>
    names.has(key) || (!RESERVED.test(key) && operatorHead(value) === undefined)
}

function urlArguments(catalog: Catalog, request: RestRequest, name: string): CallArguments {
  const isArgument = argumentTest(catalog, { request, name, posts: false })
  const values = new Map<string, Literal[]>()
  for (const param of (request.params as Params).all) {
    if (!isArgument(param)) continue
    const given: Literal = { text: param.value, slot: -1, encoding: 'text' }
    const known = values.get(param.key)
    if (known) known.push(given)
    else values.set(param.key, [given])
  }
  return { kind: 'named', values }
}

/** @throws `unsupported_media` content_type_not_supported, `invalid` bad_payload */
async function readArguments(c: Http): Promise<CallArguments> {
  const type = contentTypeOf(c)
  const text = await readBody(c)
  const value: Literal = { text, slot: -1, encoding: 'text' }
  if (type === 'text/plain') return { kind: 'single', type: 'text', value }
  if (type === 'text/xml') return { kind: 'single', type: 'xml', value }
  if (type === 'application/octet-stream') {
    const hex = `\\x${Buffer.from(text).toString('hex')}`
    return { kind: 'single', type: 'bytea', value: { ...value, text: hex } }
  }
  if (type === 'application/x-www-form-urlencoded')
    return jsonArguments(rowsOf([formOf(text)], 'object'))
  if (type !== 'application/json' && !type.endsWith('+json')) throw notSupported(type)
  return jsonArguments(rowsOfJson(text === '' ? '{}' : text))
}

function jsonArguments(rows: ReturnType<typeof rowsOfJson>): CallArguments {
  const payload = payloadOf(rows, { ...columnsOf(rows), ragged: false }, -1)
  return { kind: 'json', payload, raw: payload.json }
}

type Answering = { request: RestRequest; result: DataResult; offset: number }

function answer(c: Http, { request, result, offset }: Answering): Response {
  const { compiled, rows, total } = result
  const status = compiled.isVoid ? 204 : compiled.single ? 200 : rangeStatus(offset, rows, total)
  const range = contentRange(offset, rows, total)
  const headers = baseHeaders(range, { ...request, applicable: APPLICABLE })
  return send(c, result, { status, body: result.body, headers })
}
