/**
 * For every route, what each kind of caller is answered. A route without a line fails the test, and so
 * does a line without a route.
 */
import { randomUUID } from 'node:crypto'
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

type Answers = Line['answers']

const all = (status: number | readonly number[]): Answers =>
  Object.fromEntries(EVERYBODY.map((who) => [who, status])) as Answers

/** Anybody; credentials are not looked at. */
const open = (status = 200): Answers => all(status)

/** Accounts only. */
const accounts = (status = 200): Answers => ({
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
const managers = (status = 200): Answers => ({
  ...accounts(status),
  'service key': status,
  'service key of another app': 404,
  stranger: 404,
})

/** Whoever may address the app; `by` says what its own people are answered. */
const visitors = (by: Partial<Answers>): Answers => ({
  ...all(200),
  'service key of another app': 404,
  stranger: 404,
  'revoked key': 401,
  ...by,
})

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

/** The same in Fluxbase's words. */
const FLUXBASE_OUTSIDERS = {
  'service key of another app': 403,
  stranger: 403,
  'revoked key': 401,
} as const

/** The same in PostgREST's words. */
const REST_OUTSIDERS = {
  'service key of another app': 401,
  stranger: 401,
  'revoked key': 401,
} as const

const onNote =
  (sent?: object): Line['send'] =>
  async (scene) => ({
    path: `/v1/${scene.appId}/notes/${await scene.noteOfA()}`,
    ...(sent ? { body: sent } : {}),
  })

/** A request to `/api/v1` or `/rest/v1` that names the victim app. */
const toVictim =
  (path: string, sent?: object): Line['send'] =>
  (scene) => ({ path, headers: { 'x-fb-tenant': scene.appId }, ...(sent ? { body: sent } : {}) })

/** An id that no row has. */
const UNKNOWN_ROW = '00000000-0000-4000-8000-000000000000'

const toNoteOfVictim =
  (base: string, sent?: object): Line['send'] =>
  async (scene) => ({
    path: `${base}/${await scene.noteOfA()}`,
    headers: { 'x-fb-tenant': scene.appId },
    ...(sent ? { body: sent } : {}),
  })

const fluxbase = (by: Partial<Answers>): Answers => ({
  ...all(200),
  nobody: 401,
  ...FLUXBASE_OUTSIDERS,
  ...by,
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

/** Public routes ignore credentials that are not good, but a good one of another app names that app. */
const FLUXBASE_FOREIGN = { 'service key of another app': 403, stranger: 403 } as const

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

let newcomers = 0
const newcomer = () => ({ email: `newcomer${++newcomers}@example.com`, password: PASSWORD })

/** Users only; keys and owners are not users. */
const users = (status: number): Answers => ({ ...all(401), 'user A': status, 'user B': status })

export const MATRIX: Record<string, Line> = {
  'GET /health': { answers: open() },
  'GET /health/ready': { answers: open() },
  'GET /': { answers: open() },
  'GET /docs/errors': { answers: open() },
  'GET /docs/api': { answers: open() },
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

  'GET /api/v1/auth/config': { answers: { ...open(), stranger: 403 } },
  'GET /api/v1/auth/csrf': { answers: { ...open(), stranger: 403 } },
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
  'OPTIONS /rest/v1/rpc/{function}': {
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
  'GET /rest/v1/rpc/{function}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id'),
  },
  'HEAD /rest/v1/rpc/{function}': {
    answers: restAnswers({}),
    send: toVictim('/rest/v1/rpc/current_user_id'),
  },
  'POST /rest/v1/rpc/{function}': {
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
