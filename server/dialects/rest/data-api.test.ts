/** What an app's data API may be set to, and that it holds from the next request on. */
import { expect, test } from 'vitest'
import { unauthenticated, unavailable } from '#core/errors'
import { missingExtension } from '#support/extensions'
import {
  app,
  AUTHOR,
  configure,
  DEFAULTS,
  get,
  GUEST,
  SECRET,
  suffix,
  token,
  useDataApi,
} from './data-api-fixture.ts'
import { answerOf } from './errors.ts'

useDataApi()

test('GET config/data-api tells the settings and never the secret', async () => {
  await configure({ jwt_secret: SECRET })
  const res = await app.owner.get(`/v1/${app.appId}/config/data-api`)
  const text = await res.text()
  expect(text).not.toContain(SECRET)
  const { jwt_secret: _, ...plain } = DEFAULTS
  expect(JSON.parse(text)).toEqual({ app_id: app.appId, ...plain, jwt_secret_configured: true })
})

test('PATCH config/data-api keeps what is not given and refuses what makes no sense', async () => {
  await configure({ db_max_rows: 3 })
  const { body } = await configure({ db_schemas: ['shop'] })
  expect(body).toMatchObject({ db_schemas: ['shop'], db_max_rows: 3 })
  for (const wrong of [
    {},
    { db_schemas: [] },
    { db_max_rows: -1 },
    { jwt_secret: 'short' },
    { openapi_mode: 'maybe' },
    { db_uri: 'postgresql://' },
    { db_schemas: ['stead'] },
    { db_schemas: ['pg_catalog'] },
    { db_pre_request: 'a.b.c' },
    { db_anon_role: `nobody_${suffix}` },
    { jwt_role_claim_key: 'role' },
    { jwt_role_claim_key: '.roles[x]' },
    { jwt_aud: '' },
  ]) {
    expect([wrong, (await configure(wrong)).status]).toEqual([wrong, 400])
  }
})

test('PATCH config/data-api gives strangers no role that may do more than its grants say', async () => {
  const [me] = await app.sql('select current_user::text as name, current_database()::text as db')
  for (const role of [me?.name, 'service_role', 'pg_read_all_data', `${String(me?.db)}_owner`]) {
    const { status } = await configure({ db_anon_role: role })
    expect([role, status]).toEqual([role, 400])
  }
  expect((await get('/rpc/who')).body).toBe('anon')
})

test('a role named for strangers is theirs from the next request on', async () => {
  expect((await configure({ db_anon_role: GUEST })).status).toBe(200)
  expect((await get('/rpc/who')).body).toBe(GUEST)
  expect((await get('/rpc/claim?name=role')).body).toBe(GUEST)
  await configure({ db_anon_role: 'anon' })
  expect((await get('/rpc/who')).body).toBe('anon')
})

test('without a role for strangers nobody asks without a token', async () => {
  await configure({ db_anon_role: null, jwt_secret: SECRET })
  const { status, headers, body } = await get('/rpc/who')
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(body).toMatchObject({ code: 'PGRST302', message: 'Anonymous access is disabled' })
  expect((await get('/rpc/who', await token({ role: 'authenticated' }))).body).toBe('authenticated')
})

test('tokens signed with jwt_secret carry any role that the login role may become', async () => {
  await configure({ jwt_secret: SECRET })
  const author = await token({ role: AUTHOR, team: 'blue' })
  const refused = await get('/rpc/who', author)
  expect([refused.status, (refused.body as { code: string }).code]).toEqual([403, '42501'])
  const [db] = await app.sql('select current_database()::text as name')
  await app.sql(`grant ${AUTHOR} to "${String(db?.name)}_api"`)
  expect((await get('/rpc/who', author)).body).toBe(AUTHOR)
  expect((await get('/rpc/claim?name=team', author)).body).toBe('blue')
  const absent = await get('/rpc/who', await token({ role: `absent_${suffix}` }))
  expect(absent.status).toBe(401)
})

test('a session that is over says so in the words that clients know', () => {
  const over = unauthenticated('user_token_expired', 'The access token has expired')
  expect(answerOf(over, false)).toMatchObject({
    status: 401,
    body: { code: 'PGRST303', message: 'JWT expired' },
    headers: {
      'WWW-Authenticate': 'Bearer error="invalid_token", error_description="JWT expired"',
    },
  })
})

test('who found no connection in time is told in the words that clients try again by', () => {
  const late = unavailable('database_busy', 'No connection became free', { retryAfter: 1 })
  const message = 'Timed out acquiring connection from connection pool.'
  expect(answerOf(late, false)).toMatchObject({
    status: 504,
    body: { code: 'PGRST003', message },
    headers: { 'Retry-After': '1' },
  })
})

test('a token is refused with the reason, and so is one of a secret taken away', async () => {
  await configure({ jwt_secret: SECRET })
  const good = await token({ role: 'anon' })
  expect((await get('/rpc/who', good)).status).toBe(200)
  const hour = 3600
  const now = Math.floor(Date.now() / 1000)
  const reasons: [string, string, string][] = [
    [await token({ exp: now - hour }), 'PGRST303', 'JWT expired'],
    [await token({ nbf: now + hour }), 'PGRST303', 'JWT not yet valid'],
    [await token({ iat: now + hour }), 'PGRST303', 'JWT issued at future'],
    [
      await token({}, 'another key of 32 characters, yes'),
      'PGRST301',
      'No suitable key or wrong key type',
    ],
    ['eyJhbGciOiJIUzI1NiJ9.e30', 'PGRST301', 'Expected 3 parts in JWT; got 2'],
    ['eyJhbGciOiJub25lIn0.e30.', 'PGRST301', 'Wrong or unsupported encoding algorithm'],
    ['quif.fonv.iuqv', 'PGRST301', 'JWT cryptographic operation failed'],
    [await token({ exp: 'soon' }), 'PGRST303', "The JWT 'exp' claim must be a number"],
    [
      await token({ aud: 5 }),
      'PGRST303',
      "The JWT 'aud' claim must be a string or an array of strings",
    ],
  ]
  for (const [bearer, code, message] of reasons) {
    const { status, headers, body } = await get('/rpc/who', bearer)
    expect([status, body]).toMatchObject([401, { code, message }])
    expect(headers.get('www-authenticate')).toContain(`error_description="${message}"`)
  }
  await configure({ jwt_secret: null })
  expect((await get('/rpc/who', good)).status).toBe(401)
})

test('jwt_aud refuses tokens that are for somebody else', async () => {
  await configure({ jwt_secret: SECRET, jwt_aud: 'shop' })
  const statusFor = async (claims: Record<string, unknown>) =>
    (await get('/rpc/who', await token({ role: 'anon', ...claims }))).status
  for (const aud of ['shop', ['other', 'shop'], [], null, undefined]) {
    expect([aud, await statusFor({ aud })]).toEqual([aud, 200])
  }
  const other = await get('/rpc/who', await token({ role: 'anon', aud: ['other'] }))
  expect([other.status, other.body]).toMatchObject([
    401,
    { code: 'PGRST303', message: 'JWT not in audience' },
  ])
  await configure({ jwt_aud: null })
  expect(await statusFor({ aud: 'other' })).toBe(200)
})

test('jwt_role_claim_key says where a token has its role', async () => {
  const [db] = await app.sql('select current_database()::text as name')
  await app.sql(`grant ${AUTHOR} to "${String(db?.name)}_api"`)
  const paths: [string, Record<string, unknown>, string][] = [
    ['.app.roles[1]', { app: { roles: ['x', AUTHOR] } }, AUTHOR],
    ['."https://shop.example/role".is', { 'https://shop.example/role': { is: AUTHOR } }, AUTHOR],
    [`.roles[?(@ == "${AUTHOR}")]`, { roles: ['x', AUTHOR] }, AUTHOR],
    ['.roles[?(@ != "x")]', { roles: ['x', AUTHOR] }, AUTHOR],
    ['.roles[?(@ ^== "author_")]', { roles: [1, 'x', AUTHOR] }, AUTHOR],
    [`.roles[?(@ ==^ "${suffix}")]`, { roles: ['x', AUTHOR] }, AUTHOR],
    ['.roles[?(@ *== "hor_")]', { roles: ['x', AUTHOR] }, AUTHOR],
    ['.groups[0][1:]', { groups: [`/${AUTHOR}`] }, AUTHOR],
    ['.groups[0][1:-1]', { groups: [`/${AUTHOR}/`] }, AUTHOR],
    ['.app.role', { role: AUTHOR }, 'anon'],
    ['.app.role', { app: 'none' }, 'anon'],
    ['.constructor.name', {}, 'anon'],
  ]
  for (const [path, claims, role] of paths) {
    await configure({ jwt_secret: SECRET, jwt_role_claim_key: path })
    const bearer = await token(claims)
    expect([path, (await get('/rpc/who', bearer)).body]).toEqual([path, role])
    expect([path, (await get('/rpc/claim?name=role', bearer)).body]).toEqual([path, role])
  }
  await configure({ jwt_role_claim_key: '.groups[0][1:]' })
  const nul = await get('/rpc/who', await token({ groups: [`/${AUTHOR}\0`] }))
  expect(nul.status).toBe(401)
  await configure({ jwt_role_claim_key: '.app' })
  const odd = await get('/rpc/who', await token({ app: { role: AUTHOR } }))
  expect([odd.status, (odd.body as { code: string }).code]).toEqual([401, '22023'])
})

test('db_schemas says which schemas a request may name', async () => {
  expect((await get('/things', undefined, { 'accept-profile': 'shop' })).status).toBe(406)
  await configure({ db_schemas: ['shop', 'public'] })
  expect((await get('/things?id=eq.1')).body).toEqual([{ id: 1, name: 'thing 1' }])
  expect((await get('/letters', undefined, { 'accept-profile': 'public' })).status).toBe(401)
})

test('a schema whose name is not ASCII is named, and told, as UTF-8', async () => {
  await app.sql(`create schema "lådor"; create table "lådor".small (id int); insert into "lådor".small values (1);
    grant usage on schema "lådor" to anon; grant select on "lådor".small to anon`)
  await configure({ db_schemas: ['lådor'] })
  const asUtf8 = Buffer.from('lådor').toString('latin1')
  const { body, headers } = await get('/small', undefined, { 'accept-profile': asUtf8 })
  expect([body, headers.get('content-profile')]).toEqual([[{ id: 1 }], asUtf8])
})

test('db_pre_request is called before the statement and may refuse it', async () => {
  await configure({ db_pre_request: 'public.watch', jwt_secret: SECRET })
  const { status, headers } = await get('/rpc/who')
  expect([status, headers.get('x-watched')]).toEqual([200, 'yes'])
  const banned = await get('/rpc/who', await token({ role: 'anon', banned: 'yes' }))
  expect([banned.status, banned.body]).toMatchObject([400, { message: 'You are banned' }])
})

const missing = await missingExtension('fuzzystrmatch')

test.skipIf(missing)(
  `functions of an extension in an exposed schema can be called (${missing ?? 'fuzzystrmatch'})`,
  async () => {
    await app.sql('create extension fuzzystrmatch schema public')
    expect((await get('/rpc/levenshtein?x=1')).status).toBe(404)
    // Its arguments have no names, so that nobody can give two of them; a single text can be sent whole.
    const plain = { 'content-type': 'text/plain' }
    const res = await app.nobody.post('/rest/v1/rpc/soundex', 'Robert', plain)
    expect([res.status, await res.json()]).toEqual([200, 'R163'])
  },
)

test('a function that says it does not write may not write, by POST either', async () => {
  await app.sql(`create table public.marks (n int);
    create function mark() returns int language sql as 'insert into marks values (1) returning n';
    create function sly_mark() returns int language plpgsql stable as 'begin return mark(); end';
    grant all on public.marks to service_role`)
  const service = app.as(app.serviceKey)
  const sly = await service.post('/rest/v1/rpc/sly_mark', {})
  expect([sly.status, await sly.json()]).toMatchObject([405, { code: '25006' }])
  expect((await service.post('/rest/v1/rpc/mark', {})).status).toBe(200)
  expect((await service.get('/rest/v1/rpc/mark')).status).toBe(405)
})

test('the steps of a request are told in Server-Timing when the app wants it, as far as it came', async () => {
  const steps = async (path: string, method = 'GET') => {
    const res = await app.as(app.serviceKey).request(method, `/rest/v1${path}`)
    return res.headers.get('server-timing')?.replaceAll(/;dur=\d+\.\d/g, '') ?? null
  }
  expect(await steps('/letters')).toBeNull()
  await configure({ server_timing_enabled: true })
  const whole = 'jwt, parse, plan, transaction, response'
  expect(await steps('/letters')).toBe(whole)
  expect(await steps('/letters?id=eq.9', 'DELETE')).toBe(whole)
  expect(await steps('/rpc/who')).toBe(whole)
  expect(await steps('/')).toBe(whole)
  expect(await steps('/letters', 'OPTIONS')).toBe('jwt, parse, response')
  expect(await steps('/letters?id=nonsense')).toBe('jwt, parse')
  expect(await steps('/letters?id=eq.x')).toBe('jwt, parse, plan, transaction')
})
