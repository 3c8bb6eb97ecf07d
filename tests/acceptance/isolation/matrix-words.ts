/** What the lines of the isolation matrix are written in: who is answered what, and what is sent. */
import { EVERYBODY, PASSWORD, type Scene, type Who } from './scene.ts'

export type Send = {
  path?: string
  body?: object | string
  headers?: Record<string, string>
  /** Another credential of the same kind, where the usual one would be used up. */
  token?: string
}

export type Line = {
  /** Status for each caller; of several, any. */
  answers: Record<Who, number | readonly number[]>
  /** What is sent; default: the route's path for the victim app, and no body. */
  send?: (scene: Scene, who: Who) => Send | Promise<Send>
}

export type Answers = Line['answers']

export const all = (status: number | readonly number[]): Answers =>
  Object.fromEntries(EVERYBODY.map((who) => [who, status])) as Answers

/** Anybody; credentials are not looked at. */
export const open = (status = 200): Answers => all(status)

/** Accounts only. */
export const accounts = (status = 200): Answers => ({
  nobody: 401,
  'anon key': 401,
  'user A': 403,
  'user B': 403,
  'service key': 403,
  'service key of another app': 403,
  owner: status,
  stranger: status,
  'revoked key': 401,
})

/** Who manages the app in the path. To others who are somebody it does not exist. */
export const managers = (status = 200): Answers => ({
  ...accounts(status),
  'service key': status,
  'service key of another app': 404,
  stranger: 404,
})

/** Whoever may address the app; `by` says what its own people are answered. */
export const visitors = (by: Partial<Answers>): Answers => ({
  ...all(200),
  'service key of another app': 404,
  stranger: 404,
  'revoked key': 401,
  ...by,
})

/** Whose credential is no good for the victim app, in Fluxbase's words. */
export const FLUXBASE_OUTSIDERS = {
  'service key of another app': 403,
  stranger: 403,
  'revoked key': 401,
} as const

/** A request to `/api/v1` or `/rest/v1` that names the victim app. */
export const toVictim =
  (path: string, sent?: object): Line['send'] =>
  (scene) => ({ path, headers: { 'x-fb-tenant': scene.appId }, ...(sent ? { body: sent } : {}) })

export const fluxbase = (by: Partial<Answers>): Answers => ({
  ...all(200),
  nobody: 401,
  ...FLUXBASE_OUTSIDERS,
  ...by,
})

let newcomers = 0
export const newcomer = () => ({ email: `newcomer${++newcomers}@example.com`, password: PASSWORD })

/** Users only; keys and owners are not users. */
export const users = (status: number): Answers => ({
  ...all(401),
  'user A': status,
  'user B': status,
})
