/** What a dialect says of itself: its name, its words for access, its errors. The documentation is made from it. */
import { z } from 'zod'

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
  /** A JSON content type promises a body: an empty one is refused, where it is otherwise read as `{}`. */
  refusesEmptyJson?: true
}

/** What a parameter does; where it is not any text, its shape with `describe`. */
export type Given = string | z.ZodType

/**
 * A body whose fields are documented as required though its shape lets them be absent: the handler refuses that in
 * words of its own. Ask for it last: a shape made from this one does not know it.
 */
export const needing = <S extends z.ZodObject>(
  shape: S,
  ...required: readonly (keyof z.output<S> & string)[]
): S => shape.meta({ required })

/** A text that the documentation says is not empty, and the handler refuses in words of its own where it is. */
export const someText = z.string().meta({ minLength: 1 })

/** What comes with a status. */
export type AnswerDocs = {
  /** Default: `Done`. */
  description?: string
  /** Shapes by media type; absent = no body. */
  content?: Readonly<Record<string, z.ZodType>>
  headers?: Readonly<Record<string, string>>
}

/** More than the path, the summary and the body's shape tell of a route. */
export type RouteDocs = {
  description?: string
  /** Parameters of the query string. */
  query?: Readonly<Record<string, Given>>
  /** Headers that the route listens to. */
  headers?: Readonly<Record<string, Given>>
  /** Bodies that the handler reads itself, by media type. */
  content?: Readonly<Record<string, z.ZodType>>
  /** Of the good answer; default 200. Several: it depends. */
  status?: number | readonly number[]
  /** Media type of the good answer; default JSON. */
  type?: string
  /** Answers by status that are not all alike; a refusal in words of its own too, such as `503` or `4XX`. */
  answers?: Readonly<Record<string | number, AnswerDocs>>
}
