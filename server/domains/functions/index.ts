/** Functions of an app: deployed as text, run in isolates, logged. */
export { bindAuthHook, runAuthHook } from './auth-hook.ts'
export type { FunctionsContext } from './context.ts'
export {
  deleteFunction,
  deployFunction,
  type DeployedFunction,
  type FunctionSpec,
  type FunctionView,
  getFunction,
  listFunctions,
  setImpersonation,
} from './deployments.ts'
export { getAppEnv, patchAppEnv, patchFunctionEnv } from './env.ts'
export { Functions } from './functions.ts'
export {
  type FunctionAnswer,
  type FunctionFailure,
  type FunctionRequest,
  invokeFunction,
  type Spelling,
} from './invocations.ts'
export type { LogEntry } from './journal.sql.ts'
export { followLogs, readLogs } from './logs.ts'
export { renewSealedFunctions } from './renew-sealed.ts'
export { type Trigger, TRIGGER_TYPES } from './triggers.ts'
