/** The words of this folder, as its callers use them. */
import type { Log } from '#core/log'
import type {
  HeaderList,
  LogLevel,
  WireContext,
  WireRole,
  WireRows,
} from '../../runtime/protocol.ts'

export type { HeaderList, LogLevel }

/** A function's code. One process serves one key, so a key must name app, function and code version. */
export type IsolateSource = {
  key: string
  /** An ES module in TypeScript or JavaScript; `default` or `handler` is the handler. */
  code: string
  /** What the module may use beyond the bare runtime, in MB. */
  memoryMb: number
}

export type InvocationRequest = {
  method: string
  /** The absolute URL the function sees. */
  url: string
  headers: HeaderList
  body: ReadableStream<Uint8Array> | Uint8Array | null
}

export type Invocation = {
  /** For the log; it has no meaning here. */
  id: string
  request: InvocationRequest
  /** Becomes `ctx` as it is, with the members of the runtime added. */
  context: WireContext
  /** Wall clock from the moment the module is there until the response begins. */
  timeoutMs: number
  /** Called when that time begins: at once in a process that has loaded the module. */
  onBegin?: () => void
  /** How many `ctx.invoke` led here; 0 from outside. */
  depth?: number
  /** Aborts when the client has left: `request.signal` fires and a streamed response is cancelled. */
  signal?: AbortSignal | undefined
  host: HostCalls
}

/** A result as PostgreSQL wrote it: text format, with type oids. `pg`: `rowMode: 'array'` and identity parsers. */
export type DbResult = WireRows

/** Whose rights a transaction has instead of the invocation's own. */
export type DbRole = WireRole

/** A transaction that the host opened. It is handed back as it came. */
export type Transaction = object

export type CallReply = { status: number; headers: HeaderList; body: Uint8Array | null }

/**
 * What a function may ask while its invocation lives. An isolate holds no credential: these calls are its only rights.
 * The message (and SQLSTATE `code`) of an AppError or a database error reaches the function, of any other error not.
 */
export type HostCalls = {
  /** One statement: alone under the invocation's own role, or inside `tx`. Parameters are in text format. */
  query(sql: string, params: (string | null)[], tx?: Transaction): Promise<DbResult>
  begin(as: DbRole): Promise<Transaction>
  commit(tx: Transaction): Promise<void>
  /** Also called for whatever is open when the invocation ends. */
  rollback(tx: Transaction): Promise<void>
  /** @returns whether this was the first claim of the key */
  claimIdempotency(claim: {
    key: string
    scope: string
    ttlSeconds: number | null
  }): Promise<boolean>
  /** `ctx.invoke`: another function of the same app; `depth` is the callee's. */
  invoke(call: FunctionCall): Promise<CallReply>
}

export type FunctionCall = {
  name: string
  method: string
  headers: HeaderList
  body: Uint8Array | null
  depth: number
}

/**
 * Why there is no response: the handler threw, something ended it (`ended`: a call of `IsolatePool.end`), or (`start`)
 * Deno itself did not come up.
 */
export type FailureReason = 'error' | 'timeout' | 'memory' | 'crash' | 'load' | 'start' | 'ended'

export type ConsoleEntry = { level: LogLevel; message: string /** epoch ms */; timestamp: number }

/** What is known after the response is sent and `ctx.waitUntil` has settled. */
export type Report = {
  /** At most 100 entries of at most 10,000 characters. */
  console: ConsoleEntry[]
  /** Also set when a body broke after the response had begun. */
  error?: { message: string; stack?: string | undefined }
  reason?: FailureReason
  /** From the call to the end of the response. */
  durationMs: number
  /** Resident memory of the process beyond the bare runtime; 0 when unknown. */
  memoryMb: number
  start: StartKind
}

/** How the process was had: spawned for this call, taken from standby, or there already. */
export type StartKind = 'cold' | 'standby' | 'warm'

export type Answered = {
  ok: true
  status: number
  headers: HeaderList
  /** A small finished body comes as bytes; everything else as a stream, to be read or cancelled. */
  body: ReadableStream<Uint8Array> | Uint8Array | null
  done: Promise<Report>
}

export type Failed = {
  ok: false
  reason: FailureReason
  message: string
  stack?: string | undefined
  done: Promise<Report>
}

/** `done` never rejects. */
export type Outcome = Answered | Failed

export type CheckResult =
  | { ok: true; hasHandler: boolean }
  /**
   * `syntax`: it does not parse. `load`: an import or its top-level code failed or did not end in time.
   * `start`: there was no process to look at it in.
   */
  | { ok: false; problem: 'syntax' | 'load' | 'start'; message: string }

export type PoolOptions = {
  /** The Deno binary; default: the one of the installed package. */
  denoPath?: string
  /** Folder of the Deno side; default: `runtime/` of this repository. */
  runtimeDir?: string
  /** For sockets and Deno's cache of remote modules; made when absent. */
  scratchDir: string
  /** How many processes wait with the runtime loaded. */
  standby: number
  /** The memory limit that waiting processes are made for; default 128. */
  standbyMemoryMb?: number
  /** After so long without an invocation a process is ended. */
  idleMs: number
  /** Invocations at once; one more is refused with `rate_limited`. */
  maxConcurrent?: number
  /** How long a process may take until it is ready; default 15 s. */
  startMs?: number
  /** How long a module may take to load after that; default 5 s. */
  loadMs?: number
  /** Processes without work kept at most, standby not counted; default 32. */
  maxIdle?: number
  /** Hosts from which modules may be imported besides Deno's own list, as `host:port`. */
  importHosts?: string[]
  /** Environment for Deno itself, such as a registry; a function never sees it. */
  env?: Record<string, string>
  log: Log
}

export type PoolStats = {
  active: number
  maxConcurrent: number
  processes: number
  idle: number
  standby: number
}

export type IsolatePool = {
  /** @throws `rate_limited` concurrency_limit, `unavailable` isolates_closed; everything else is an Outcome */
  invoke(source: IsolateSource, invocation: Invocation): Promise<Outcome>
  /** Parses the code, loads it in a process of its own without context, and looks for a handler. */
  check(code: string): Promise<CheckResult>
  /** Ends the processes whose key begins so; invocations that run may finish. */
  retire(keyPrefix: string): void
  /** Ends the processes whose key begins so and what runs in them, at once; also those that were retired. */
  end(keyPrefix: string, message: string): void
  /** Of the processes that have code, retired ones included; some of them more than once. */
  keys(): string[]
  stats(): PoolStats
  /** Ends everything at once; drain before. */
  close(): Promise<void>
}
