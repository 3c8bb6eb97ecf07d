/** Cross-origin answers. A refused origin gets no header, never an error. */
import type { Http } from './env.ts'
import { headerOf } from './request.ts'
import { addHeader } from './respond.ts'

export type CorsRules = {
  /** Whether this origin may read the answer; `*` lets every origin in, without credentials. */
  allows: '*' | ((origin: string) => boolean | Promise<boolean>)
  methods: string
  headers: string
  exposed?: string
}

const MAX_AGE_SECONDS = '300'

/** Sets the headers that let a browser read the response. */
export async function allowOrigin(c: Http, rules: CorsRules): Promise<boolean> {
  const origin = headerOf(c, 'origin')
  if (origin === undefined) return false
  const { allows } = rules
  if (allows === '*') addHeader(c, 'Access-Control-Allow-Origin', '*')
  else {
    addHeader(c, 'Vary', 'Origin')
    if (!(await allows(origin))) return false
    addHeader(c, 'Access-Control-Allow-Origin', origin)
    addHeader(c, 'Access-Control-Allow-Credentials', 'true')
  }
  if (rules.exposed) addHeader(c, 'Access-Control-Expose-Headers', rules.exposed)
  return true
}

/** The answer to a preflight. */
export async function preflight(c: Http, rules: CorsRules): Promise<Response> {
  if (await allowOrigin(c, rules)) {
    addHeader(c, 'Access-Control-Allow-Methods', rules.methods)
    addHeader(c, 'Access-Control-Allow-Headers', rules.headers)
    addHeader(c, 'Access-Control-Max-Age', MAX_AGE_SECONDS)
  }
  return c.body(null, 204)
}

export const isPreflight = (c: Http): boolean =>
  c.req.method === 'OPTIONS' && headerOf(c, 'access-control-request-method') !== undefined
