export type { AuthContext, SignInNeeds } from './context.ts'
export { type SignInEvent, SignInHooks, type SignInListener } from './hooks.ts'
export { Identifier, invalidApiKey } from './identify.ts'
export { MIXED_RULES, type PasswordRules, PLAIN_RULES } from './passwords.ts'
export {
  hashOfToken,
  refreshSession,
  type SessionRules,
  signIn,
  signOut,
  signOutEverywhere,
  type Tokens,
} from './sessions.ts'
export { invalidToken, invalidUserToken, publishedKeys, type TokenFamily } from './tokens.ts'
export {
  changeUser,
  deleteUser,
  findUser,
  listUsers,
  signUp,
  signUpAndIn,
  type UserChanges,
  type UserPage,
} from './users.ts'
export type { User } from './users.sql.ts'
