/** The one error type. Its meaning is data; its looks are each dialect's own. */

/** What went wrong, independent of any protocol. Every dialect answers every kind. */
export type ErrorKind =
  | 'invalid' // the input cannot be accepted as it is
  | 'unauthenticated' // nobody usable is asking
  | 'forbidden' // somebody is asking who may not
  | 'not_found' // absent, or not the caller's
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'conflict' // the present state forbids it
  | 'gone'
  | 'too_large'
  | 'unsupported_media'
  | 'rate_limited'
  | 'timeout'
  | 'bad_gateway' // something we depend on answered badly
  | 'unavailable' // not now
  | 'internal'

export type ErrorExtras = {
  /** What the reader can do next, as a sentence. */
  hint?: string | undefined
  /** Structured facts that a program may read. */
  details?: unknown
  /** Seconds after which a new try makes sense. */
  retryAfter?: number | undefined
  /** The private cause: logged, never shown. */
  cause?: unknown
}

type ErrorText = { kind: ErrorKind; code: string; message: string }

export class AppError extends Error {
  override readonly name = 'AppError'
  readonly kind: ErrorKind
  /** A stable word, snake_case, such as `bucket_exists`. */
  readonly code: string
  readonly hint: string | undefined
  readonly details: unknown
  readonly retryAfter: number | undefined

  constructor({ kind, code, message }: ErrorText, extras: ErrorExtras = {}) {
    super(message, { cause: extras.cause })
    this.kind = kind
    this.code = code
    this.hint = extras.hint
    this.details = extras.details
    this.retryAfter = extras.retryAfter
  }

  /** What we did not throw ourselves is `internal`; its text stays in the cause. */
  static from(error: unknown): AppError {
    if (error instanceof AppError) return error
    return new AppError(
      { kind: 'internal', code: 'internal', message: 'Something went wrong on our side' },
      { cause: error },
    )
  }
}

type Factory = (code: string, message: string, extras?: ErrorExtras) => AppError

const factory =
  (kind: ErrorKind): Factory =>
  (code, message, extras) =>
    new AppError({ kind, code, message }, extras)

export const invalid = factory('invalid')
export const unauthenticated = factory('unauthenticated')
export const forbidden = factory('forbidden')
export const notFound = factory('not_found')
export const methodNotAllowed = factory('method_not_allowed')
export const notAcceptable = factory('not_acceptable')
export const conflict = factory('conflict')
export const gone = factory('gone')
export const tooLarge = factory('too_large')
export const unsupportedMedia = factory('unsupported_media')
export const rateLimited = factory('rate_limited')
export const timedOut = factory('timeout')
export const badGateway = factory('bad_gateway')
export const unavailable = factory('unavailable')
export const internal = factory('internal')
