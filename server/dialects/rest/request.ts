/** What every REST request has: a schema, a query, preferences, a wish for a media type. */
import { invalid, notAcceptable } from '#core/errors'
import { type DataApi, type Explain, type Target } from '#domains/data'
import type { Http } from '#http/env'
import { headerOf } from '#http/request'
import { headerText } from './answer.ts'
import { type Media, negotiate } from './media.ts'
import { type Params, readParams } from './params.ts'
import { type Preferences, readPrefer } from '#http/prefer'
import { queryWithoutKey } from './query-key.ts'

export type RestRequest = {
  method: string
  schema: string
  /** The schema again, when it was named or the app exposes several. */
  profile: string | undefined
  dataApi: DataApi
  params: Params
  preferences: Preferences
  media: Media
  /** Everything but the query that two requests of one shape share. */
  shapeHead: string
  rehearse: boolean
  timeZone: string | undefined
}

const WRITES = new Set(['POST', 'PATCH', 'PUT', 'DELETE'])

/** @throws `not_acceptable` schema_not_exposed or media_not_available, `invalid` invalid_preferences */
export function readRequest(c: Http, dataApi: DataApi, takesArguments = false): RestRequest {
  const { method } = c.req
  const { schemas, key } = dataApi
  const named = profileIn(headerOf(c, WRITES.has(method) ? 'content-profile' : 'accept-profile'))
  const schema = schemaOf(named, schemas)
  const preferences = readPrefer(headerOf(c, 'prefer'))
  checkPreferences(preferences)
  const media = negotiate(headerOf(c, 'accept'))
  if (media.explain && !dataApi.plan) throw noPlan(media.explain)
  const params = readParams(queryWithoutKey(c), takesArguments)
  return {
    method,
    schema,
    profile: named !== undefined || schemas.length > 1 ? headerText(schema) : undefined,
    dataApi,
    params,
    preferences,
    media,
    shapeHead: `rest ${key} ${method} ${schema} ${media.key} ${preferences.count ?? ''}`,
    rehearse: preferences.tx === 'rollback',
    timeZone: preferences.timezone,
  }
}

/** A part of a table in partitions is reached through the table. */
export const targetOf = ({ schema }: RestRequest, table: string): Target => ({
  schema,
  table,
  wholeOnly: true,
})

const noPlan = ({ mediaType }: Explain) =>
  notAcceptable(
    'media_not_available',
    `None of these media types are available: ${mediaType.replace('; charset=utf-8', '')}`,
  )

const profileIn = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : Buffer.from(header, 'latin1').toString('utf8')

function schemaOf(profile: string | undefined, exposed: readonly string[]): string {
  const schema = profile ?? exposed[0] ?? 'public'
  if (exposed.includes(schema)) return schema
  throw notAcceptable('schema_not_exposed', `Invalid schema: ${schema}`, {
    hint: `Only the following schemas are exposed: ${exposed.join(', ')}`,
  })
}

function checkPreferences({ handling, unknown }: Preferences): void {
  if (handling !== 'strict' || unknown.length === 0) return
  throw invalid('invalid_preferences', 'Invalid preferences given with handling=strict', {
    details: { names: unknown },
  })
}
