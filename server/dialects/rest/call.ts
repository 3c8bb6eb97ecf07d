/** `/rpc/{function_name}`: functions as GET, HEAD and POST. */
import {
  type CallArguments,
  columnsOf,
  type DataRequest,
  type DataResult,
  execute,
  type Literal,
  operatorHead,
  type Pair,
  payloadOf,
  readPairs,
  type Rows,
  rowsOf,
  rowsOfCsv,
} from '#domains/data'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import type { RestContext } from './guards.ts'
import { baseHeaders, send } from './answer.ts'
import { contentTypeOf, notSupported, readBody, readNames, readRaw, rowsIn } from './body.ts'
import { buildQuery, type Param, valueOf } from './params.ts'
import { limitedPage, literal, pageOf } from './read.ts'
import { ALL, contentRange, rangeStatus, readRange } from './range.ts'
import { type RestRequest, readRequest } from './request.ts'

const APPLICABLE = ['count', 'tx', 'handling', 'timezone', 'maxAffected'] as const

export async function callFunction(c: Http, ctx: RestContext, name: string): Promise<Response> {
  const posts = c.req.method === 'POST'
  const request = readRequest(c, ctx.dataApi, !posts)
  const sent = posts ? await readArguments(c, request) : { given: urlArguments(request), texts: [] }
  const { given, texts } = sent
  const header = c.req.method === 'GET' ? readRange(headerOf(c, 'range')) : ALL
  const page = limitedPage(pageOf(request.params, header), ctx.dataApi)
  const paged = header !== ALL || ctx.dataApi.maxRows !== undefined
  const shape = paged ? undefined : shapeOf(request, name, given)
  const result = await execute(ctx, {
    ...request,
    shape,
    slots: texts.length === 0 ? request.params.slots : [...request.params.slots, ...texts],
    build: () => {
      const call = buildCall(request, { name, given, isArgument: posts ? () => false : isArgument })
      if (!paged) return call
      const limit = page.limit === undefined ? undefined : literal(page.limit, -1)
      const query = { ...call.query, offset: literal(page.offset, -1), limit }
      return { ...call, query }
    },
  })
  return answer(c, { request, result, offset: page.offset })
}

/** Undefined when the arguments are part of what is compiled. */
function shapeOf(
  { params, shapeHead, preferences }: RestRequest,
  name: string,
  given: CallArguments,
): string | undefined {
  if (params.shape === undefined) return undefined
  if (given.kind !== 'json' && !params.takesArguments) return undefined
  const { handling, maxAffected } = preferences
  const limit = handling === 'strict' ? (maxAffected ?? '') : ''
  const isJson = given.kind === 'json'
  const columns = isJson ? JSON.stringify([given.raw !== undefined, given.payload.columns]) : ''
  return `call ${shapeHead} ${limit} ${name}\0${columns}${params.shape}`
}

type Building = { name: string; given: CallArguments; isArgument: (param: Param) => boolean }

function buildCall(
  { schema, params, media, preferences, dataApi, method }: RestRequest,
  { name, given, isArgument }: Building,
): Extract<DataRequest, { kind: 'call' }> {
  return {
    kind: 'call',
    schema,
    name,
    arguments: given,
    query: buildQuery(params, { paged: false, isForeign: isArgument, dataApi }),
    output: {
      format: media.format,
      accepts: media.accepts,
      explain: media.explain,
      stripNulls: media.stripNulls,
      count: preferences.count,
    },
    maxAffected: preferences.handling === 'strict' ? preferences.maxAffected : undefined,
    readOnly: method === 'POST' ? 'unless_volatile' : true,
  }
}

const RESERVED = /(^|\.)(select|order|limit|offset|columns|on_conflict|(not\.)?(and|or))$/

/** Whatever is no filter and no word of the query language is an argument. */
const isArgument = ({ key, value }: Param): boolean =>
  !RESERVED.test(key) && operatorHead(value) === undefined

const urlArguments = ({ params }: RestRequest): CallArguments =>
  namedArguments(params.all.filter(isArgument))

function namedArguments(pairs: readonly (Pair & { slot?: number })[]): CallArguments {
  const values = new Map<string, Literal[]>()
  for (const { key, value, slot = -1 } of pairs) {
    const given: Literal = { text: value, slot, encoding: 'text' }
    const known = values.get(key)
    if (known) known.push(given)
    else values.set(key, [given])
  }
  return { kind: 'named', values }
}

/** What a body holds; `texts` are its values, in the slots behind those of the query string. */
type Sent = { given: CallArguments; texts: readonly string[] }

/** @throws `invalid` content_type_not_supported or bad_payload */
async function readArguments(c: Http, request: RestRequest): Promise<Sent> {
  const type = contentTypeOf(c)
  if (type === 'application/octet-stream') {
    const hex = `\\x${(await readRaw(c)).toString('hex')}`
    return single('bytea', hex)
  }
  const text = await readBody(c)
  if (type === 'text/plain') return single('text', text)
  if (type === 'text/xml') return single('xml', text)
  if (type === 'application/x-www-form-urlencoded') {
    return { given: namedArguments(readPairs(text)), texts: [] }
  }
  if (type === 'text/csv') {
    const { given, texts } = jsonArguments(request, rowsOfCsv(text))
    return { given: { ...given, raw: undefined }, texts }
  }
  if (type !== 'application/json' && !type.endsWith('+json')) throw notSupported(type)
  return jsonArguments(request, rowsIn(text === '' ? '{}' : text))
}

const single = (type: 'text' | 'xml' | 'bytea', text: string): Sent => ({
  given: { kind: 'single', type, value: { text, slot: -1, encoding: 'text' } },
  texts: [],
})

type JsonArguments = Extract<CallArguments, { kind: 'json' }>

/** Of several objects the first one holds the arguments; the whole text is the only argument's. */
function jsonArguments(
  { params }: RestRequest,
  rows: Rows,
): { given: JsonArguments; texts: string[] } {
  const one = rows.shape === 'object' ? rows : rowsOf(rows.rows.slice(0, 1), 'object')
  const named = valueOf(params, 'columns')
  const columns = named === undefined ? columnsOf(one).columns : readNames('columns', named)
  const slot = params.slots.length
  const payload = payloadOf(one, { columns, ragged: false }, slot)
  const raw = { ...payload.json, slot: slot + 1 }
  return { given: { kind: 'json', payload, raw }, texts: [one.json, rows.json] }
}

type Answering = { request: RestRequest; result: DataResult; offset: number }

function answer(c: Http, { request, result, offset }: Answering): Response {
  const { compiled, rows, total } = result
  const status = compiled.isVoid ? 204 : compiled.single ? 200 : rangeStatus(offset, rows, total)
  const range = contentRange(offset, rows, total)
  const headers = baseHeaders(range, { ...request, applicable: APPLICABLE })
  return send(c, result, { status, body: result.body, headers })
}
