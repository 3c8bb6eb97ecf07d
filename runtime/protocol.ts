/**
 * What the two sides of an isolate's socket say to each other. Types only: the server imports them too.
 *
 * A frame is `u32 headerLength, u32 bodyLength` (big endian), the header as UTF-8 JSON, the body as raw bytes.
 * `c` is the capability of one invocation: random, known to the server and the runtime, not to the function's code.
 */

export type HeaderList = [name: string, value: string][]

/** Where the bytes of a body are: nowhere, in this very frame, or in `chunk` frames up to `end`. */
export type BodyPlace = 'none' | 'whole' | 'stream'

export type WireError = {
  name: string
  message: string
  stack?: string | undefined
  /** SQLSTATE or another stable word, when there is one. */
  code?: string | undefined
}

/** What the function sees as `ctx`, apart from the members the runtime makes itself. */
export type WireContext = { env: Record<string, string> } & Record<string, unknown>

export type WireRequest = { method: string; url: string; headers: HeaderList; body: BodyPlace }

export type LogLevel = 'log' | 'info' | 'warn' | 'error' | 'debug'

/** The limits of one isolate, said by the server with the code. */
export type WireLimits = {
  /** Bytes of a response body that may be under way without credit. */
  windowBytes: number
  maxFrameBytes: number
  logEntries: number
  logChars: number
  /** How long `ctx.waitUntil` promises may take after the response. */
  waitUntilMs: number
}

/** Server to isolate. */
export type ToIsolate =
  | { t: 'load'; limits: WireLimits } // body: the module's source text
  | { t: 'start'; c: string; request: WireRequest; context: WireContext } // body when `whole`
  | { t: 'chunk'; c: string } // a piece of the request body
  | { t: 'end'; c: string; broken?: boolean } // the request body is over
  | { t: 'credit'; c: string; bytes: number }
  | { t: 'abort'; c: string } // the client left or the time is over
  | { t: 'answer'; c: string; n: number; error?: WireError } // body: JSON or bytes, by the call
  | { t: 'ping'; n: number }

/** `as` of a transaction. */
export type WireRole = { kind: 'user'; id: string } | { kind: 'anon' }

/** What an isolate may ask of the server on behalf of one invocation. */
export type WireCall =
  | { op: 'query'; sql: string; tx?: number } // body: JSON array of parameters, each text or null
  | { op: 'begin'; as: WireRole }
  | { op: 'commit' | 'rollback'; tx: number }
  | { op: 'claim'; key: string; scope: string; ttlSeconds: number | null }
  | { op: 'invoke'; name: string; method: string; headers: HeaderList; hasBody: boolean } // body: bytes

/** Rows as PostgreSQL wrote them (text format); the runtime turns them into values by type oid. */
export type WireRows = {
  columns: { name: string; oid: number }[]
  rows: (string | null)[][]
  rowCount: number
}

/** The head of what `ctx.invoke` got; it precedes the bytes in the answer's body. */
export type WireReply = { status: number; headers: HeaderList; hasBody: boolean }

/** Isolate to server. */
export type FromIsolate =
  | { t: 'ready' }
  | { t: 'loaded'; handler: boolean }
  | { t: 'unloadable'; syntax: boolean; error: WireError }
  | { t: 'head'; c: string; status: number; headers: HeaderList; body: BodyPlace } // body when `whole`
  | { t: 'chunk'; c: string }
  | { t: 'end'; c: string }
  | { t: 'fail'; c: string; error: WireError } // before the head: no response; after it: a broken body
  | { t: 'log'; c: string | null; level: LogLevel; at: number } // body: the message
  | { t: 'call'; c: string; n: number; call: WireCall }
  | { t: 'done'; c: string } // response sent and `waitUntil` settled
  | { t: 'pong'; n: number }
  | { t: 'fatal'; error: WireError } // the process is about to end
