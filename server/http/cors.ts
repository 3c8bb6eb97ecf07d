/** Cross-origin answers. A refused origin gets no header, never an error. */
import type { Http } from './env.ts'

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
  const origin = c.req.header('origin')
  if (origin === undefined) return false
  const { allows } = rules
  if (allows === '*') c.header('Access-Control-Allow-Origin', '*')
  else {
    c.header('Vary', 'Origin', { append: true })
    if (!(await allows(origin))) return false
    c.header('Access-Control-Allow-Origin', origin)
    c.header('Access-Control-Allow-Credentials', 'true')
  }
  if (rules.exposed) c.header('Access-Control-Expose-Headers', rules.exposed)
  return true
}

/** The answer to a preflight. */
export async function preflight(c: Http, rules: CorsRules): Promise<Response> {
  if (await allowOrigin(c, rules)) {
    c.header('Access-Control-Allow-Methods', rules.methods)
    c.header('Access-Control-Allow-Headers', rules.headers)
    c.header('Access-Control-Max-Age', MAX_AGE_SECONDS)
  }
  return c.body(null, 204)
}

export const isPreflight = (c: Http): boolean =>
  c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined
