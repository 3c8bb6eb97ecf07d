/** What a dialect says of itself: its name, its words for access, its errors. The documentation is made from it. */
import type { z } from 'zod'

/** Where a credential may stand; each is a security scheme of the OpenAPI document. */
export type Carrier = 'bearer' | 'apikey' | 'serviceKey' | 'clientKey'

export type AccessWord = {
  /** Who may call, as a phrase: `whoever manages the app`. */
  meaning: string
  /** Any one of them will do; none = credentials are not looked at, or only help to find the app. */
  carriers: readonly Carrier[]
  /** Nobody in particular may call too. */
  optional?: boolean
  /** The shell variable that examples show as bearer token. */
  example?: string
}

export type About<Words extends string = string> = {
  /** One word, the same for every table of the dialect's routes. */
  name: string
  /** Heading of these routes. */
  title: string
  /** One or two sentences. */
  description: string
  access: Readonly<Record<Words, AccessWord>>
  /** The body of errors; `name` is its place among the document's schemas. */
  error: { name: string; body: z.ZodType }
  /** The app may be named by `X-FB-Tenant`. */
  namesAppByHeader?: true
}

/** More than the path, the summary and the body's shape tell of a route. */
export type RouteDocs = {
  description?: string
  /** Parameters of the query string, each with what it does. */
  query?: Readonly<Record<string, string>>
  /** Headers that the route listens to. */
  headers?: Readonly<Record<string, string>>
  /** Bodies that the handler reads itself, by media type. */
  content?: Readonly<Record<string, z.ZodType>>
  /** Of the good answer; default 200. Several: it depends. */
  status?: number | readonly number[]
  /** Media type of the good answer; default JSON. */
  type?: string
}
