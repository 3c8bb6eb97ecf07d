export {
  type Account,
  type Membership,
  registerAccount,
  type Workspace,
  workspacesOf,
} from './accounts.ts'
export {
  type Audited,
  type AuditEvent,
  type AuditRecord,
  audit,
  auditActor,
  auditAll,
} from './audit.ts'
export {
  type AccountCaller,
  type AnonymousCaller,
  type AppKeyCaller,
  authRequired,
  type Caller,
  identityIn,
  manages,
  requireAccount,
  type UserCaller,
} from './caller.ts'
export {
  allowsUserKeys,
  changeClientKey,
  type ClientKeyContext,
  createClientKey,
  deleteClientKey,
  deleteClientKeysOf,
  findClientKey,
  listClientKeys,
  revokeClientKey,
} from './client-keys.ts'
export { hasScope, requireScope } from './scopes.ts'
export { type Credential, Credentials, type Minted } from './credentials.ts'
export {
  createKey,
  type KeyUse,
  keyUse,
  listKeys,
  revokeKey,
} from './keys.ts'
