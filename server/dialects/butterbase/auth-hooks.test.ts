/** The function that hears of sign-ups and sign-ins: what it is told, and that nobody waits for it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'
import { errorOf, type FunctionsFixture, handler, startFunctions } from './functions-fixture.ts'

let app: TestApp
let fns: FunctionsFixture

beforeAll(async () => {
  ;({ app, fns } = await startFunctions())
})

afterAll(() => app[Symbol.asyncDispose]())

const PASSWORD = 'Correct horse 1!'

/** Reached by its owner and by us only. */
const HIDDEN = { trigger: { type: 'cron', config: {} } }

const TELL = handler(`
  const { rows } = await ctx.db.query('select current_user as role')
  console.log(JSON.stringify({
    told: await req.json(), method: req.method, type: req.headers.get('x-trigger-type'),
    user: ctx.user, caller: ctx.caller, hook: ctx.app.auth.hookFunction, ...rows[0],
  }))
  return new Response()`)

const bind = (name: unknown) =>
  app.owner.patch(`${fns.base}/config/auth-hooks`, { post_auth_function: name })

let people = 0
const person = () => ({ email: `hooked${++people}@example.com`, password: PASSWORD })

const signUp = (someone: object) => app.nobody.post(`/auth/${app.appId}/signup`, someone)
const logIn = (someone: object) => app.nobody.post(`/auth/${app.appId}/login`, someone)

/** What the hook wrote down, oldest first, once it was called so often. */
async function toldTo(name: string, times: number): Promise<Record<string, unknown>[]> {
  await expect.poll(() => fns.logs(name)).toHaveLength(times)
  const entries = (await fns.logs(name)).toReversed()
  return entries.map(({ consoleLogs }) => JSON.parse(consoleLogs[0]?.message ?? '{}'))
}

test('the function hears of a sign-up and a login in every dialect, as the service', async () => {
  await fns.deploy('greeter', TELL, HIDDEN)
  const res = await bind('greeter')
  expect([res.status, await res.json()]).toEqual([
    200,
    { auth_hook_function: 'greeter', message: 'Auth hook updated to "greeter"' },
  ])
  const config = (await (await app.owner.get(`${fns.base}/config`)).json()) as object
  expect(config).toMatchObject({ auth_hook_function: 'greeter' })
  const ada = { ...person(), display_name: 'Ada' }
  const made = (await (await signUp(ada)).json()) as { user: { id: string } }
  const [first] = await toldTo('greeter', 1)
  expect(first).toEqual({
    told: {
      event: 'signup',
      user: { id: made.user.id, email: ada.email, provider: 'email', display_name: 'Ada' },
      isNewUser: true,
      provider: 'email',
    },
    method: 'POST',
    type: 'auth_hook',
    user: null,
    caller: { type: 'service_key', keyId: null, scope: null, userId: null },
    hook: 'greeter',
    role: 'service_role',
  })
  expect((await logIn(ada)).status).toBe(200)
  const bob = person()
  const there = { 'x-fb-tenant': app.appId }
  await toldTo('greeter', 2)
  expect((await app.nobody.post('/api/v1/auth/signup', bob, there)).status).toBe(201)
  await toldTo('greeter', 3)
  expect((await app.nobody.post('/api/v1/auth/signin', bob, there)).status).toBe(200)
  const all = await toldTo('greeter', 4)
  expect(all.map(({ told }) => told)).toMatchObject([
    { event: 'signup', user: { email: ada.email }, isNewUser: true },
    { event: 'login', user: { email: ada.email }, isNewUser: false },
    { event: 'signup', user: { email: bob.email }, isNewUser: true },
    { event: 'login', user: { email: bob.email }, isNewUser: false },
  ])
})

test('a refused sign-in calls nobody, and neither does a paused app', async () => {
  await fns.deploy('silent', TELL, HIDDEN)
  await bind('silent')
  const cleo = person()
  await app.owner.patch(`${fns.base}/config/pause`, { paused: true })
  expect((await signUp(cleo)).status).toBe(201)
  await app.owner.patch(`${fns.base}/config/pause`, { paused: false })
  expect((await signUp(cleo)).status).toBe(409)
  expect((await logIn({ ...cleo, password: 'Wrong horse 1!' })).status).toBe(401)
  expect((await logIn(cleo)).status).toBe(200)
  const told = await toldTo('silent', 1)
  expect(told).toMatchObject([{ told: { event: 'login', user: { email: cleo.email } } }])
})

test.each([
  ['throws', `throw new Error('the hook broke')`, { statusCode: 500, error: 'the hook broke' }],
  ['refuses', `return new Response('no', { status: 403 })`, { statusCode: 403, error: 'HTTP 403' }],
  ['never answers', `await new Promise(() => {})`, { statusCode: 504, reason: 'timeout' }],
  [
    'answers without end',
    `return new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1024)) }))`,
    { statusCode: 200 },
  ],
])('a hook that %s changes nothing for who signs in', async (how, code, logged) => {
  const name = how.replaceAll(' ', '-')
  await fns.deploy(name, handler(code), { ...HIDDEN, timeoutMs: 400 })
  await bind(name)
  const somebody = person()
  expect((await signUp(somebody)).status).toBe(201)
  expect((await logIn(somebody)).status).toBe(200)
  expect(await fns.lastLog(name)).toMatchObject({ trigger: 'auth_hook', method: 'POST', ...logged })
})

test('null takes the hook away, and a hook whose function was deleted is nobody’s trouble', async () => {
  await fns.deploy('leaving', TELL, HIDDEN)
  await bind('leaving')
  const dora = person()
  expect((await signUp(dora)).status).toBe(201)
  await toldTo('leaving', 1)
  expect((await app.owner.delete(fns.one('leaving'))).status).toBe(200)
  expect((await logIn(dora)).status).toBe(200)
  await fns.deploy('leaving', TELL, HIDDEN)
  const res = await bind(null)
  expect([res.status, await res.json()]).toEqual([
    200,
    { auth_hook_function: null, message: 'Auth hook removed' },
  ])
  expect((await logIn(dora)).status).toBe(200)
  await bind('leaving')
  expect((await logIn(dora)).status).toBe(200)
  expect(await toldTo('leaving', 2)).toHaveLength(2)
})

test('only the name of a function that is deployed is taken', async () => {
  const res = await bind('nowhere')
  expect([res.status, await errorOf(res)]).toEqual([
    400,
    expect.objectContaining({
      code: 'VALIDATION_INVALID_INPUT',
      message: 'Function "nowhere" is not deployed',
      remediation: expect.stringContaining('Deploy it'),
    }),
  ])
  for (const name of [undefined, 7, '', 'a\0b', '../etc', ['a']]) {
    const refused = await bind(name)
    expect([name, refused.status]).toEqual([name, 400])
    expect(await errorOf(refused)).toMatchObject({ code: 'VALIDATION_INVALID_SCHEMA' })
  }
})

test('a function of another app is not deployed here', async () => {
  const other = await app.createApp()
  await fns.deploy('mine', TELL)
  const asked = { post_auth_function: 'mine' }
  const res = await app.owner.patch(`/v1/${other.id}/config/auth-hooks`, asked)
  expect(res.status).toBe(400)
})

test('a hook that has just begun when Stead stops is let finish', async () => {
  await using own = await startApp()
  const base = `/v1/${own.appId}`
  await own.sql('create table public.greeted (email text)')
  await own.sql('grant insert on public.greeted to service_role')
  const code = handler(`
    const { user } = await req.json()
    await new Promise((done) => setTimeout(done, 300))
    await ctx.db.query('insert into greeted values ($1)', [user.email])
    return new Response()`)
  await own.owner.post(`${base}/functions`, { name: 'slow', code })
  const named = await own.owner.patch(`${base}/config/auth-hooks`, { post_auth_function: 'slow' })
  expect(named.status).toBe(200)
  const eve = person()
  expect((await own.nobody.post(`/auth/${own.appId}/signup`, eve)).status).toBe(201)
  await own.instance.services.functions.close()
  expect(await own.sql('select email from public.greeted')).toEqual([{ email: eve.email }])
})
