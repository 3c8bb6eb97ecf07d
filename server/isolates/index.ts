/** Runs functions nobody trusts, each in a Deno process of its own. */
export { findDeno } from './deno-path.ts'
export { createIsolatePool } from './pool.ts'
export type {
  Answered,
  CallReply,
  CheckResult,
  ConsoleEntry,
  DbResult,
  DbRole,
  Failed,
  FailureReason,
  FunctionCall,
  HeaderList,
  HostCalls,
  Invocation,
  InvocationRequest,
  IsolatePool,
  IsolateSource,
  LogLevel,
  Outcome,
  PoolOptions,
  PoolStats,
  Report,
  StartKind,
  Transaction,
} from './types.ts'
