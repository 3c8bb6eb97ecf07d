import type { AppContext } from '#domains/apps'
import type { SignInHooks } from './hooks.ts'
import type { Identifier } from './identify.ts'

/** What sign-in needs besides the app: who forgets ended sessions, and who hears of new ones. */
export type SignInNeeds = { identifier: Identifier; signInHooks: SignInHooks }

export type AuthContext = AppContext & SignInNeeds
