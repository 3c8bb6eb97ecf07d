/** The isolation matrix of the dialects under /api/v1 and /rest/v1. */
import { randomUUID } from 'node:crypto'
import {
  all,
  type Answers,
  fluxbase,
  FLUXBASE_OUTSIDERS,
  type Line,
  newcomer,
  open,
  toVictim,
  users,
} from './matrix-words.ts'

const toNoteOfVictim =
  (base: string, sent?: object): Line['send'] =>
  async (scene) => ({
    path: `${base}/${await scene.noteOfA()}`,
    headers: { 'x-fb-tenant': scene.appId },
    ...(sent ? { body: sent } : {}),
  })

/** To user B it does not exist. */
const CLIENT_KEY_OF_A = fluxbase({ 'anon key': 403, 'user B': 404 })

const onClientKeyOfA =
  (suffix = '', sent?: object): Line['send'] =>
  async (scene) => ({
    path: `/api/v1/client-keys/${await scene.clientKeyOfA()}${suffix}`,
    headers: { 'x-fb-tenant': scene.appId },
    ...(sent ? { body: sent } : {}),
  })

const restAnswers = (by: Partial<Answers>): Answers => ({ ...all(200), ...by, ...REST_OUTSIDERS })

/** Whose credential is no good for the victim app, in PostgREST's words. */
const REST_OUTSIDERS = {
  'service key of another app': 401,
  stranger: 401,
  'revoked key': 401,
} as const

/** Public routes ignore credentials that are not good, but a good one of another app names that app. */
const FLUXBASE_FOREIGN = { 'service key of another app': 403, stranger: 403 } as const

/** Who manages apps, whichever: each is told of its own. */
const BUILDERS: Answers = {
  ...all(200),
  nobody: 401,
  'anon key': 403,
  'user A': 403,
  'user B': 403,
  'revoked key': 401,
}

/** The victim app, as one of those that builders manage. */
const TENANT: Answers = { ...BUILDERS, stranger: 404, 'service key of another app': 404 }

const SETTING = 'app.auth.allow_user_client_keys'

const settingsOf = (appId: string): string => `/api/v1/admin/tenants/${appId}/settings`

/** An id that no row has. */
const UNKNOWN_ROW = '00000000-0000-4000-8000-000000000000'

/** The lines of Fluxbase’s, GraphQL’s and PostgREST’s routes. */
export const DATA_MATRIX: Record<string, Line> = {
  'GET /api/v1/auth/config': { answers: { ...open(), stranger: 403 } },
  'GET /api/v1/auth/csrf': { answers: { ...open(), stranger: 403 } },
  'GET /api/v1/auth/captcha/config': { answers: { ...open(), stranger: 403 } },
  'POST /api/v1/auth/captcha/check': {
    answers: { ...open(), ...FLUXBASE_FOREIGN },
    send: toVictim('/api/v1/auth/captcha/check', { endpoint: 'login' }),
  },
  'GET /api/v1/auth/oauth/providers': { answers: { ...open(), stranger: 403 } },
  'GET /api/v1/auth/saml/providers': { answers: { ...open(), stranger: 403 } },
  'POST /api/v1/auth/signup': {
    answers: { ...open(201), ...FLUXBASE_FOREIGN },
    send: (scene) => ({ body: newcomer(), headers: { 'x-fb-tenant': scene.appId } }),
  },
  'POST /api/v1/auth/signin': {
    answers: { ...open(), ...FLUXBASE_FOREIGN },
    send: async (scene) => ({
      body: await scene.regular(),
      headers: { 'x-fb-tenant': scene.appId },
    }),
  },
  'POST /api/v1/auth/refresh': {
    answers: { ...open(), ...FLUXBASE_FOREIGN },
    send: async (scene) => ({
      body: { refresh_token: (await scene.throwawayUser()).refreshToken },
      headers: { 'x-fb-tenant': scene.appId },
    }),
  },
  'POST /api/v1/auth/signout': {
    answers: { ...users(200), 'service key': 403, owner: 403, ...FLUXBASE_OUTSIDERS },
    send: async (scene, who) => ({
      headers: { 'x-fb-tenant': scene.appId },
      ...(who.startsWith('user ') ? { token: (await scene.throwawayUser()).accessToken } : {}),
    }),
  },
  'GET /api/v1/auth/user': {
    answers: { ...users(200), 'service key': 403, owner: 403, ...FLUXBASE_OUTSIDERS },
    send: toVictim('/api/v1/auth/user'),
  },
  'PATCH /api/v1/auth/user': {
    answers: { ...users(200), 'service key': 403, owner: 403, ...FLUXBASE_OUTSIDERS },
    send: toVictim('/api/v1/auth/user', { user_metadata: { colour: 'green' } }),
  },

  'GET /api/v1/admin/setup/status': { answers: { ...open(), stranger: 403 } },
  'GET /api/v1/admin/tenants': { answers: BUILDERS },
  'GET /api/v1/admin/tenants/mine': {
    answers: { ...BUILDERS, 'anon key': 401, 'user A': 200, 'user B': 200 },
  },
  'GET /api/v1/admin/tenants/deleted': { answers: BUILDERS },
  'GET /api/v1/admin/tenants/{id}': {
    answers: TENANT,
    send: (scene) => ({ path: `/api/v1/admin/tenants/${scene.appId}` }),
  },
  'GET /api/v1/admin/tenants/{id}/settings': {
    answers: TENANT,
    send: (scene) => ({ path: settingsOf(scene.appId) }),
  },
  'PATCH /api/v1/admin/tenants/{id}/settings': {
    answers: TENANT,
    send: (scene) => ({ path: settingsOf(scene.appId), body: { settings: { [SETTING]: true } } }),
  },
  'GET /api/v1/admin/tenants/{id}/settings/{key}': {
    answers: TENANT,
    send: (scene) => ({ path: `${settingsOf(scene.appId)}/${SETTING}` }),
  },
  'DELETE /api/v1/admin/tenants/{id}/settings/{key}': {
    answers: { ...TENANT, owner: [204, 404], 'service key': [204, 404] },
    send: (scene) => ({ path: `${settingsOf(scene.appId)}/${SETTING}` }),
  },
  'POST /api/v1/auth/reauthenticate': {
    answers: { ...users(200), 'service key': 403, owner: 403, ...FLUXBASE_OUTSIDERS },
    send: toVictim('/api/v1/auth/reauthenticate'),
  },
  'GET /api/v1/auth/user/identities': {
    answers: { ...users(200), 'service key': 403, owner: 403, ...FLUXBASE_OUTSIDERS },
    send: toVictim('/api/v1/auth/user/identities'),
  },

  'GET /api/v1/client-keys': {
    answers: fluxbase({ 'anon key': 403 }),
    send: toVictim('/api/v1/client-keys'),
  },
  'POST /api/v1/client-keys': {
    answers: fluxbase({ ...all(201), nobody: 401, 'anon key': 403, ...FLUXBASE_OUTSIDERS }),
    send: toVictim('/api/v1/client-keys', { name: 'a program', scopes: ['tables:read'] }),
  },
  'GET /api/v1/client-keys/{id}': { answers: CLIENT_KEY_OF_A, send: onClientKeyOfA() },
  'PATCH /api/v1/client-keys/{id}': {
    answers: CLIENT_KEY_OF_A,
    send: onClientKeyOfA('', { name: 'other' }),
  },
  'DELETE /api/v1/client-keys/{id}': { answers: CLIENT_KEY_OF_A, send: onClientKeyOfA() },
  'POST /api/v1/client-keys/{id}/revoke': {
    answers: CLIENT_KEY_OF_A,
    send: onClientKeyOfA('/revoke'),
  },

  ...fluxbaseTables('/api/v1/tables/{table}', '/api/v1/tables/notes'),
  ...fluxbaseRows('/api/v1/tables/{table}/{id}', '/api/v1/tables/notes'),
  ...fluxbaseRows('/api/v1/tables/{schema}/{table}/{id}', '/api/v1/tables/public/notes'),
  'GET /api/v1/tables': {
    answers: fluxbase({ 'anon key': 403, 'user A': 403, 'user B': 403 }),
    send: toVictim('/api/v1/tables'),
  },

  ...fluxbaseDdl('/api/v1/admin/ddl'),
  ...fluxbaseDdl('/api/v1/admin'),
  'GET /api/v1/admin/ddl/schemas': {
    answers: fluxbaseManagers(200),
    send: toVictim('/api/v1/admin/ddl/schemas'),
  },
  'GET /api/v1/admin/ddl/tables': {
    answers: fluxbaseManagers(200),
    send: toVictim('/api/v1/admin/ddl/tables'),
  },
  'PATCH /api/v1/admin/tables/{schema}/{table}': {
    answers: fluxbaseManagers(404),
    send: toVictim('/api/v1/admin/tables/public/nothing', { newName: 'something' }),
  },
  'POST /api/v1/admin/tables/{schema}/{table}/columns': {
    answers: fluxbaseManagers(404),
    send: toVictim('/api/v1/admin/tables/public/nothing/columns', { name: 'c', type: 'text' }),
  },
  'DELETE /api/v1/admin/tables/{schema}/{table}/columns/{column}': {
    answers: fluxbaseManagers(404),
    send: toVictim('/api/v1/admin/tables/public/nothing/columns/c'),
  },
  'GET /api/v1/capabilities/vector': {
    answers: fluxbase({ nobody: 200 }),
    send: toVictim('/api/v1/capabilities/vector'),
  },
  'POST /api/v1/vector/embed': {
    answers: fluxbase({ ...all(503), nobody: 401, ...FLUXBASE_OUTSIDERS }),
    send: toVictim('/api/v1/vector/embed', { text: 'word' }),
  },
  // The table has no vectors, nor may the database.
  'POST /api/v1/vector/search': {
    answers: fluxbase({ ...all([400, 503]), nobody: 401, ...FLUXBASE_OUTSIDERS }),
    send: toVictim('/api/v1/vector/search', { table: 'notes', column: 'text', vector: [1] }),
  },

  // Nobody may ask too: what is there is the role's affair.
  'GET /api/v1/graphql': {
    answers: fluxbase({ nobody: 200 }),
    send: toVictim('/api/v1/graphql?query=%7B_health%7D'),
  },
  'POST /api/v1/graphql': {
    answers: fluxbase({ nobody: 200 }),
    send: toVictim('/api/v1/graphql', { query: '{ __typename }' }),
  },

  'GET /rest/v1/{table}': { answers: restAnswers({}), send: toVictim('/rest/v1/notes') },
  'HEAD /rest/v1/{table}': { answers: restAnswers({}), send: toVictim('/rest/v1/notes') },
  'POST /rest/v1/{table}': {
    answers: restAnswers({ ...all(201), nobody: 401, 'anon key': 401 }),
    send: toVictim('/rest/v1/notes', { text: 'new' }),
  },
  'OPTIONS /rest/v1/{table}': { answers: restAnswers({}), send: toVictim('/rest/v1/notes') },
  'GET /rest/v1/': { answers: restAnswers({}), send: toVictim('/rest/v1/') },
  'HEAD /rest/v1/': { answers: restAnswers({}), send: toVictim('/rest/v1/') },
  'OPTIONS /rest/v1/': { answers: restAnswers({}), send: toVictim('/rest/v1/') },
  'OPTIONS /rest/v1/rpc/{function_name}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id'),
  },
  'PATCH /rest/v1/{table}': {
    answers: restAnswers(all(204)),
    send: toVictim('/rest/v1/notes?text=eq.nothing', { text: 'changed' }),
  },
  'PUT /rest/v1/{table}': {
    answers: restAnswers({ ...all(204), nobody: 401, 'anon key': 401 }),
    send: (scene) => {
      const id = randomUUID()
      const sent = { id, user_id: null, text: 'put' }
      return {
        path: `/rest/v1/notes?id=eq.${id}`,
        headers: { 'x-fb-tenant': scene.appId },
        body: sent,
      }
    },
  },
  'DELETE /rest/v1/{table}': {
    answers: restAnswers(all(204)),
    send: toVictim('/rest/v1/notes?text=eq.nothing'),
  },
  'GET /rest/v1/rpc/{function_name}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id'),
  },
  'HEAD /rest/v1/rpc/{function_name}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id'),
  },
  'POST /rest/v1/rpc/{function_name}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id', {}),
  },
}

/** Who manages the app, in Fluxbase's words. */
function fluxbaseManagers(status: number): Answers {
  const nobody = { nobody: 401, 'anon key': 403, 'user A': 403, 'user B': 403 }
  return fluxbase({ ...all(status), ...nobody, ...FLUXBASE_OUTSIDERS })
}

/** Schemas and tables that are made, each time others. */
function fluxbaseDdl(base: string): Record<string, Line> {
  const fresh = () => `made_${randomUUID().replaceAll('-', '')}`
  return {
    [`POST ${base}/schemas`]: {
      answers: fluxbaseManagers(201),
      send: (scene) => ({ body: { name: fresh() }, headers: { 'x-fb-tenant': scene.appId } }),
    },
    [`POST ${base}/tables`]: {
      answers: fluxbaseManagers(201),
      send: (scene) => ({
        body: { name: fresh(), columns: [{ name: 'id', type: 'uuid' }] },
        headers: { 'x-fb-tenant': scene.appId },
      }),
    },
    [`DELETE ${base}/tables/{schema}/{table}`]: {
      answers: fluxbaseManagers(404),
      send: toVictim(`${base}/tables/public/nothing`),
    },
  }
}

/** Collections in Fluxbase's spelling. */
function fluxbaseTables(route: string, path: string): Record<string, Line> {
  const writes = fluxbase({ ...all(201), nobody: 401, 'anon key': 401, ...FLUXBASE_OUTSIDERS })
  return {
    [`GET ${route}`]: { answers: fluxbase({}), send: toVictim(path) },
    [`HEAD ${route}`]: { answers: fluxbase({}), send: toVictim(path) },
    [`POST ${route}`]: { answers: writes, send: toVictim(path, { text: 'new' }) },
    [`PATCH ${route}`]: {
      answers: fluxbase({}),
      send: toVictim(`${path}?text=eq.nothing`, { text: 'changed' }),
    },
    [`DELETE ${route}`]: { answers: fluxbase({}), send: toVictim(`${path}?text=eq.nothing`) },
    [`POST ${route}/query`]: { answers: fluxbase({}), send: toVictim(`${path}/query`, {}) },
    [`POST ${route}/bulk`]: { answers: writes, send: toVictim(`${path}/bulk`, [{ text: 'new' }]) },
    [`PATCH ${route}/bulk`]: {
      answers: fluxbase({}),
      send: toVictim(`${path}/bulk`, { ids: [UNKNOWN_ROW], data: { text: 'changed' } }),
    },
    [`DELETE ${route}/bulk`]: {
      answers: fluxbase({}),
      send: toVictim(`${path}/bulk`, { ids: [UNKNOWN_ROW] }),
    },
    [`GET ${route}/export`]: { answers: fluxbase({}), send: toVictim(`${path}/export`) },
  }
}

/** Single rows in Fluxbase's spelling; POST at such a path is a sub-resource, here a query. */
function fluxbaseRows(route: string, path: string): Record<string, Line> {
  const read = fluxbase({ 'anon key': 404, 'user B': 404 })
  const write = (status: number) =>
    fluxbase({ ...all(status), nobody: 401, 'anon key': 401, 'user B': 403, ...FLUXBASE_OUTSIDERS })
  return {
    [`GET ${route}`]: { answers: read, send: toNoteOfVictim(path) },
    [`HEAD ${route}`]: { answers: read, send: toNoteOfVictim(path) },
    [`POST ${route}`]: { answers: fluxbase({}), send: toVictim(`${path}/query`, {}) },
    [`PUT ${route}`]: { answers: write(200), send: toNoteOfVictim(path, { text: 'changed' }) },
    [`PATCH ${route}`]: { answers: write(200), send: toNoteOfVictim(path, { text: 'changed' }) },
    [`DELETE ${route}`]: { answers: write(204), send: toNoteOfVictim(path) },
  }
}
