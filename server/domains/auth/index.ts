export type { AuthContext } from './context.ts'
export {
  appIdOfDataToken,
  type DataClaims,
  emptyToken,
  isDataToken,
  readDataToken,
} from './data-token.ts'
export { type SignInEvent, SignInHooks } from './hooks.ts'
export { Identifier } from './identify.ts'
export { reauthenticate } from './nonces.ts'
export { MIXED_RULES, PLAIN_RULES } from './passwords.ts'
export {
  hashOfToken,
  refreshSession,
  type SessionRules,
  signIn,
  signOut,
  signOutEverywhere,
  type Tokens,
} from './sessions.ts'
export { invalidToken, invalidUserToken, publishedKeys, userNotFound } from './tokens.ts'
export {
  changeUser,
  deleteUser,
  findUser,
  listUsers,
  signUp,
  signUpAndIn,
} from './users.ts'
export type { User } from './users.sql.ts'
