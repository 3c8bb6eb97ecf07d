/**
 * For every route, what each kind of caller is answered. A route without a line fails the test, and so
 * does a line without a route.
 */
import { randomUUID } from 'node:crypto'
import { DATA_MATRIX } from './matrix-data.ts'
import {
  accounts,
  all,
  type Answers,
  fluxbase,
  type Line,
  managers,
  newcomer,
  open,
  type Send,
  toVictim,
  users,
  visitors,
} from './matrix-words.ts'
import type { Scene, Who } from './scene.ts'

/** A schema that changes nothing. */
const SAME_SCHEMA = {
  schema: {
    tables: {
      notes: {
        columns: {
          id: { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' },
          user_id: { type: 'uuid' },
          text: { type: 'text', nullable: false },
        },
      },
      scratch: { columns: { id: { type: 'uuid', primaryKey: true } } },
    },
  },
}

const body =
  (sent: object): Line['send'] =>
  () => ({ body: sent })

/** Good callers destroy an app of their own kind; the others aim at the victim. */
async function doomedApp(scene: Scene, who: Who): Promise<Send> {
  if (who !== 'owner' && who !== 'service key') return {}
  const { id, serviceKey } = await scene.throwaway()
  return { path: `/apps/${id}`, ...(who === 'service key' ? { token: serviceKey } : {}) }
}

/** Rows under user isolation: `mine` for their owner and for those above, `hidden` for the rest. */
const rowOf = (mine: number, hidden: number): Answers =>
  visitors({ ...all(mine), nobody: hidden, 'anon key': hidden, 'user B': hidden, ...OUTSIDERS })

/** Whose credential is no good for the victim app, in Butterbase's words. */
const OUTSIDERS = { 'service key of another app': 404, stranger: 404, 'revoked key': 401 } as const

const onNote =
  (sent?: object): Line['send'] =>
  async (scene) => ({
    path: `/v1/${scene.appId}/notes/${await scene.noteOfA()}`,
    ...(sent ? { body: sent } : {}),
  })

const POLICY = {
  table_name: 'notes',
  policy_name: 'nobody_extra',
  command: 'SELECT',
  using_expression: 'false',
}

const onTable =
  (sent?: object, query = ''): Line['send'] =>
  (scene) => ({ path: `/v1/${scene.appId}/notes${query}`, ...(sent ? { body: sent } : {}) })

const onFunction =
  (suffix: string, sent?: object): Line['send'] =>
  (scene) => ({
    path: `/v1/${scene.appId}/functions/count${suffix}`,
    ...(sent ? { body: sent } : {}),
  })

/** Securing closes the app to nobody in particular: an app of its own, so that the victim stays open. */
async function doomedMode(scene: Scene, who: Who): Promise<Send> {
  if (who !== 'owner' && who !== 'service key') return { body: {} }
  const { id, serviceKey } = await scene.throwaway()
  const path = `/v1/${id}/secure`
  return { path, body: {}, ...(who === 'service key' ? { token: serviceKey } : {}) }
}

export const MATRIX: Record<string, Line> = {
  'GET /health': { answers: open() },
  'GET /health/ready': { answers: open() },
  'GET /': { answers: open() },
  'GET /docs/errors': { answers: open() },
  'GET /docs/api': { answers: open() },
  'GET /llms.txt': { answers: open() },
  'GET /openapi.json': { answers: fluxbase({ nobody: 200 }), send: toVictim('/openapi.json') },
  'GET /api/v1/openapi.json': {
    answers: fluxbase({ nobody: 200 }),
    send: toVictim('/api/v1/openapi.json'),
  },

  'GET /v1/regions': { answers: open() },
  'POST /init': {
    answers: accounts(201),
    send: (_scene, who) => ({ body: { name: `by-${who.replaceAll(' ', '-').toLowerCase()}` } }),
  },
  'GET /apps': {
    answers: { ...accounts(), 'service key': 200, 'service key of another app': 200 },
  },
  'GET /apps/{app_id}': { answers: managers() },
  'GET /apps/{app_id}/status': { answers: managers() },
  'DELETE /apps/{app_id}': {
    answers: managers(),
    send: doomedApp,
  },

  'GET /v1/{app_id}/config': { answers: managers() },
  'PATCH /v1/{app_id}/config/access-mode': {
    answers: managers(),
    send: body({ access_mode: 'public' }),
  },
  'PATCH /v1/{app_id}/config/pause': { answers: managers(), send: body({ paused: false }) },
  'PATCH /v1/{app_id}/config/auth-hooks': {
    answers: managers(),
    send: body({ post_auth_function: null }),
  },
  'PATCH /v1/{app_id}/config/cors': {
    answers: managers(),
    send: body({ allowed_origins: ['http://localhost:3000'] }),
  },
  'GET /v1/{app_id}/config/data-api': { answers: managers() },
  'PATCH /v1/{app_id}/config/data-api': {
    answers: managers(),
    send: body({ db_max_rows: null }),
  },
  'GET /v1/{app_id}/config/graphql': { answers: managers() },
  'PATCH /v1/{app_id}/config/graphql': {
    answers: managers(),
    send: body({ introspection: true }),
  },
  'PATCH /v1/{app_id}/config/jwt': { answers: managers(), send: body({ accessTokenTtl: '15m' }) },
  'PATCH /v1/{app_id}/config/storage': { answers: managers(), send: body({ maxFileSizeMb: 10 }) },
  'PATCH /v1/{app_id}/config/visibility': {
    answers: managers(),
    send: body({ visibility: 'private' }),
  },
  'PATCH /v1/{app_id}/config/clone-webhook': { answers: managers(), send: body({ clear: true }) },

  'POST /api-keys': { answers: accounts(201), send: body({ name: 'another' }) },
  'GET /api-keys': { answers: accounts() },
  'DELETE /api-keys/{keyId}': {
    answers: { ...accounts(), stranger: 404 },
    send: async (scene) => ({ path: `/api-keys/${await scene.throwawayKey()}` }),
  },

  'GET /v1/{app_id}/schema': { answers: managers() },
  'POST /v1/{app_id}/schema/apply': { answers: managers(), send: body(SAME_SCHEMA) },
  'GET /v1/{app_id}/migrations': { answers: managers() },
  'GET /v1/{app_id}/rls': { answers: managers() },
  'POST /v1/{app_id}/rls': {
    answers: managers(),
    send: body({ table_name: 'notes', user_column: 'user_id' }),
  },
  'POST /v1/{app_id}/rls/enable': { answers: managers(), send: body({ table_name: 'notes' }) },
  'POST /v1/{app_id}/rls/policies': { answers: managers(), send: body(POLICY) },
  'PATCH /v1/{app_id}/rls/policies/{policy_name}': {
    answers: managers(),
    send: (scene) => ({ path: `/v1/${scene.appId}/rls/policies/nobody_extra`, body: POLICY }),
  },
  'DELETE /v1/{app_id}/rls/{table}/{policy_name}': {
    answers: managers(),
    send: async (scene) => {
      await scene.app.owner.post(`/v1/${scene.appId}/rls/policies`, POLICY)
      return { path: `/v1/${scene.appId}/rls/notes/nobody_extra` }
    },
  },
  'DELETE /v1/{app_id}/rls/{table}': {
    answers: managers(),
    send: async (scene) => {
      await scene.app.owner.post(`/v1/${scene.appId}/rls/enable`, { table_name: 'scratch' })
      return { path: `/v1/${scene.appId}/rls/scratch` }
    },
  },
  'POST /v1/{app_id}/secure': { answers: managers(), send: doomedMode },

  'POST /v1/{app_id}/functions': {
    answers: managers(),
    send: body({ name: 'other', code: 'export default () => new Response("ok")' }),
  },
  'GET /v1/{app_id}/functions': { answers: managers() },
  'GET /v1/{app_id}/functions/{name}': { answers: managers(), send: onFunction('') },
  'DELETE /v1/{app_id}/functions/{name}': {
    answers: managers(),
    send: async (scene) => ({
      path: `/v1/${scene.appId}/functions/${await scene.throwawayFunction()}`,
    }),
  },
  'PATCH /v1/{app_id}/functions/{name}/env': {
    answers: managers(),
    send: onFunction('/env', { envVars: { COLOUR: 'green' } }),
  },
  'PATCH /v1/{app_id}/functions/{name}/settings': {
    answers: managers(),
    send: onFunction('/settings', { allow_service_key_impersonation: true }),
  },
  'GET /v1/{app_id}/functions/{name}/logs': { answers: managers(), send: onFunction('/logs') },
  'GET /v1/{app_id}/functions/{name}/logs/stream': {
    answers: managers(),
    send: onFunction('/logs/stream'),
  },
  'POST /v1/{app_id}/functions/{name}/invoke': {
    answers: managers(),
    send: onFunction('/invoke', {}),
  },
  'GET /v1/{app_id}/env': { answers: managers() },
  'PATCH /v1/{app_id}/env': { answers: managers(), send: body({ envVars: { SIZE: 'small' } }) },
  // Credentials that are no good for this app count as nobody's, and the function asks for somebody.
  'ALL /v1/{app_id}/fn/{function_name}': {
    answers: {
      ...all(200),
      nobody: 401,
      'anon key': 401,
      'service key of another app': 401,
      stranger: 401,
      'revoked key': 401,
    },
    send: (scene) => ({ path: `/v1/${scene.appId}/fn/count` }),
  },

  'GET /v1/{app_id}/{table}': { answers: visitors({}), send: onTable() },
  'POST /v1/{app_id}/{table}': {
    answers: visitors({ ...all(201), nobody: 403, 'anon key': 403, ...OUTSIDERS }),
    send: onTable({ text: 'new' }),
  },
  'PATCH /v1/{app_id}/{table}': {
    answers: visitors({}),
    send: onTable({ text: 'changed' }, '?text=eq.nothing'),
  },
  'DELETE /v1/{app_id}/{table}': {
    answers: visitors({}),
    send: onTable(undefined, '?text=eq.nothing'),
  },
  'GET /v1/{app_id}/{table}/{id}': { answers: rowOf(200, 404), send: onNote() },
  'PATCH /v1/{app_id}/{table}/{id}': {
    answers: rowOf(200, 404),
    send: onNote({ text: 'changed' }),
  },
  'DELETE /v1/{app_id}/{table}/{id}': { answers: rowOf(200, 404), send: onNote() },

  'GET /v1/{app_id}/admin/auth/users': { answers: managers() },
  'DELETE /v1/{app_id}/admin/auth/users/{user_id}': {
    answers: managers(),
    send: async (scene, who) => {
      const good = who === 'owner' || who === 'service key'
      const id = good ? (await scene.throwawayUser()).id : randomUUID()
      return { path: `/v1/${scene.appId}/admin/auth/users/${id}` }
    },
  },
  'POST /auth/{app_id}/signup': { answers: open(201), send: () => ({ body: newcomer() }) },
  'POST /auth/{app_id}/login': {
    answers: open(),
    send: async (scene) => ({ body: await scene.regular() }),
  },
  'POST /auth/{app_id}/refresh': {
    answers: open(),
    send: async (scene) => ({
      body: { refresh_token: (await scene.throwawayUser()).refreshToken },
    }),
  },
  'GET /auth/{app_id}/.well-known/jwks.json': { answers: open() },
  'GET /auth/{app_id}/me': { answers: users(200) },
  'POST /auth/{app_id}/logout': {
    answers: users(200),
    send: async (scene, who) =>
      who.startsWith('user ') ? { token: (await scene.throwawayUser()).accessToken } : {},
  },

  ...DATA_MATRIX,
}
