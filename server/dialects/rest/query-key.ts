/**
 * `?apikey=…`: a key in the address of a read, as browsers and generators of types send it. Anything else of this name is
 * a column or an argument, and of writes always: a filter that is passed over would mean every row.
 */
import { queryOf } from '#domains/data'
import type { Http } from '#http/env'

const KEY = /(?:^|&)apikey=(ey[\w-]*\.[\w-]+\.[\w-]+)(?=&|$)/

export const keyInQuery = (c: Http): string | undefined =>
  mayHoldKey(c) ? KEY.exec(queryOf(c.req.url))?.[1] : undefined

export function queryWithoutKey(c: Http): string {
  const query = queryOf(c.req.url)
  return mayHoldKey(c) ? query.replace(KEY, '') : query
}

const mayHoldKey = ({ req: { method, url } }: Http): boolean =>
  (method === 'GET' || method === 'HEAD') && url.includes('apikey=')
