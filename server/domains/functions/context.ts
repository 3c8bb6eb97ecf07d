/** What the functions of this domain ask of a request: its app, and the machinery that runs code. */
import type { AppContext } from '#domains/apps'
import type { Functions } from './functions.ts'

export type FunctionsContext = AppContext & { functions: Functions }
