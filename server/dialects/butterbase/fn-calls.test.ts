/** Calls of functions: who may, as whom they run, and what passes through. */
import { request } from 'node:http'
import { expect, test } from 'vitest'
import type { Client } from '#support/client'
import { errorOf, handler, HELLO, json } from './functions-fixture.ts'
import { ada, app, bob, fns, NOTES, useNotes } from './fn-fixture.ts'

useNotes()

test('ANY /fn/{name}: auth "required" is the default and refuses nobody, the anon key and bad credentials', async () => {
  await fns.deploy('closed', HELLO, { trigger: { type: 'http', config: {} } })
  const other = await app.createApp()
  const stranger = await app.stranger()
  const anonymous = [
    app.nobody,
    app.as(app.anonKey),
    app.as('garbage'),
    app.as(`bb_sk_${'0'.repeat(40)}`),
    app.as(`${ada.token}x`),
    app.as(other.serviceKey),
    app.as(other.anonKey),
    stranger,
  ]
  for (const client of anonymous) {
    const res = await client.get(fns.fn('closed'))
    expect(res.status).toBe(401)
    expect(await errorOf(res)).toMatchObject({
      code: 'AUTH_REQUIRED',
      message: 'This app requires authentication. Anonymous access is disabled.',
    })
  }
  for (const client of [ada, app.owner, app.as(app.serviceKey)]) {
    expect(await json(await client.get(fns.fn('closed')))).toEqual({ message: 'Hello!' })
  }
  await expect.poll(() => fns.logs('closed')).toHaveLength(3)
})

test('ANY /fn/{name}: auth "none" and "optional" let everybody in, whatever they show', async () => {
  for (const auth of ['none', 'optional']) {
    await fns.deploy(`open-${auth}`, HELLO, { trigger: { type: 'http', config: { auth } } })
    for (const client of [app.nobody, app.as('garbage'), ada, app.owner]) {
      const res = await client.get(fns.fn(`open-${auth}`))
      expect([res.status, await json(res)]).toEqual([200, { message: 'Hello!' }])
    }
  }
})

test('ANY /fn/{name} runs as whoever calls: users see their rows, keys and nobody see all', async () => {
  await fns.deploy('notes', NOTES)
  const all = ['of ada', 'of all', 'of bob']
  const key = { type: 'service_key', userId: null }
  expect(await json(await ada.get(fns.fn('notes')))).toEqual({
    texts: ['of ada'],
    user: { id: ada.id },
    caller: { type: 'end_user_jwt', keyId: null, scope: null, userId: ada.id },
  })
  expect(await json(await bob.get(fns.fn('notes')))).toMatchObject({ texts: ['of bob'] })
  expect(await json(await app.owner.get(fns.fn('notes')))).toMatchObject({
    texts: all,
    user: null,
    caller: { ...key, scope: '*', keyId: expect.any(String) },
  })
  expect(await json(await app.as(app.serviceKey).get(fns.fn('notes')))).toMatchObject({
    texts: all,
    caller: key,
  })
  expect(await json(await app.nobody.get(fns.fn('notes')))).toEqual({
    texts: all,
    user: null,
    caller: { type: 'anonymous', keyId: null, scope: null, userId: null },
  })
})

test('ANY /fn/{name}: a service key of another app and a stranger are nobody, never service_key', async () => {
  const other = await app.createApp()
  for (const client of [app.as(other.serviceKey), await app.stranger()]) {
    const body = await json(await client.get(fns.fn('notes')))
    expect(body.caller).toMatchObject({ type: 'anonymous' })
  }
})

test('X-Butterbase-As-User lets the owner act as a user, and nobody else', async () => {
  const as = (client: Client) => client.get(fns.fn('notes'), { 'x-butterbase-as-user': ada.id })
  for (const client of [app.owner, app.as(app.serviceKey)]) {
    expect(await json(await as(client))).toMatchObject({
      texts: ['of ada'],
      user: { id: ada.id },
      caller: { type: 'service_key', userId: ada.id },
    })
  }
  const other = await app.createApp()
  for (const client of [app.nobody, bob, app.as(app.anonKey), app.as(other.serviceKey)]) {
    const res = await as(client)
    expect([res.status, (await errorOf(res)).code]).toEqual([403, 'AUTH_IMPERSONATION_FORBIDDEN'])
  }
})

test('PATCH settings switches impersonation off for the very next call', async () => {
  await fns.deploy('private', NOTES)
  const off = await app.owner.patch(`${fns.one('private')}/settings`, {
    allow_service_key_impersonation: false,
  })
  expect(await json(off)).toMatchObject({
    message: 'Function settings updated successfully',
    function: { name: 'private', allow_service_key_impersonation: false },
  })
  for (const path of [fns.fn('private'), `${fns.one('private')}/invoke`]) {
    const res = await app.owner.post(path, {}, { 'x-butterbase-as-user': ada.id })
    expect([res.status, (await errorOf(res)).code]).toEqual([403, 'AUTH_IMPERSONATION_DISABLED'])
  }
  expect((await app.owner.patch(`${fns.one('private')}/settings`, {})).status).toBe(400)
  expect((await app.owner.patch(`${fns.one('absent')}/settings`, {})).status).toBe(400)
  const absent = { allow_service_key_impersonation: true }
  expect((await app.owner.patch(`${fns.one('absent')}/settings`, absent)).status).toBe(404)
})

test('ANY /fn/{name} passes method, query, headers and every byte on, and back', async () => {
  await fns.deploy(
    'echo',
    handler(`const body = new Uint8Array(await req.arrayBuffer())
      return new Response(body, { status: 201, headers: {
        'content-type': 'application/octet-stream', 'x-method': req.method, 'x-url': req.url,
        'x-given': req.headers.get('x-given') ?? '', 'x-auth': req.headers.get('authorization') ?? '' } })`),
  )
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7) % 256)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const body of [bytes, bytes.subarray(0, 300)]) {
      const headers = { 'x-given': 'yes', 'content-type': 'image/png' }
      const res = await ada.request(method, `${fns.fn('echo')}?a=1&b=%20x`, body, headers)
      expect(res.status).toBe(201)
      expect(Object.fromEntries(res.headers)).toMatchObject({
        'x-method': method,
        'x-url': `${app.url}${fns.fn('echo')}?a=1&b=%20x`,
        'x-given': 'yes',
        'x-auth': `Bearer ${ada.token}`,
      })
      expect(Buffer.from(await res.arrayBuffer()).equals(Buffer.from(body))).toBe(true)
    }
  }
  const got = await app.nobody.get(fns.fn('echo'))
  expect([got.status, got.headers.get('x-method')]).toEqual([201, 'GET'])
  const head = await app.nobody.request('HEAD', fns.fn('echo'))
  expect([head.status, head.headers.get('x-method'), await head.text()]).toEqual([201, 'HEAD', ''])
})

test('ANY /fn/{name} takes what only the platform may say from the caller and says it itself', async () => {
  await fns.deploy('headers', handler(`return Response.json(Object.fromEntries(req.headers))`))
  const forged = {
    'x-user-id': 'root',
    'x-app-id': 'app_other',
    'x-trigger-type': 'cron',
    'x-webhook-provider': 'stripe',
    'x-butterbase-caller-type': 'service_key',
    'x-butterbase-caller-key-id': 'k',
    'x-butterbase-loop-depth': '3',
  }
  const body = await json(await ada.get(fns.fn('headers'), { ...forged, 'x-mine': '1' }))
  expect(body).toMatchObject({
    'x-user-id': ada.id,
    'x-app-id': app.appId,
    'x-trigger-type': 'http',
    'x-butterbase-caller-type': 'end_user_jwt',
    'x-mine': '1',
  })
  for (const name of [
    'x-webhook-provider',
    'x-butterbase-caller-key-id',
    'x-butterbase-loop-depth',
    'host',
  ]) {
    expect(body).not.toHaveProperty(name)
  }
  expect(await json(await app.nobody.get(fns.fn('headers'), forged))).not.toHaveProperty(
    'x-user-id',
  )
})

test('ANY /fn/{name} keeps several cookies, redirects and answers without a body', async () => {
  await fns.deploy(
    'plain',
    handler(`const kind = new URL(req.url).searchParams.get('kind')
      if (kind === 'cookies') return new Response('ok', { headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] })
      if (kind === 'redirect') return new Response(null, { status: 302, headers: { location: 'https://example.com/' } })
      return new Response(null, { status: Number(kind) })`),
  )
  const cookies = await app.nobody.get(`${fns.fn('plain')}?kind=cookies`)
  expect(cookies.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  const redirect = await app.nobody.get(`${fns.fn('plain')}?kind=redirect`)
  expect([redirect.status, redirect.headers.get('location')]).toEqual([302, 'https://example.com/'])
  for (const status of [204, 205, 304]) {
    const res = await app.nobody.get(`${fns.fn('plain')}?kind=${status}`)
    expect([res.status, await res.text()]).toEqual([status, ''])
  }
})

test('ANY /fn/{name} streams events as they come, and stops the function when the client leaves', async () => {
  await fns.deploy(
    'events',
    `let cancelled = 0
    export default async function handler(req: Request) {
      if (new URL(req.url).searchParams.has('cancelled')) return Response.json({ cancelled })
      let timer: number
      const body = new ReadableStream({
        start(controller) {
          let at = 0
          timer = setInterval(() => controller.enqueue(new TextEncoder().encode('data: ' + at++ + '\\n\\n')), 5)
        },
        cancel() { clearInterval(timer); cancelled++ },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }`,
  )
  const leave = new AbortController()
  const res = await fetch(`${app.url}${fns.fn('events')}`, {
    signal: leave.signal,
    headers: { origin: 'http://localhost:3000' },
  })
  expect(Object.fromEntries(res.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'access-control-allow-origin': 'http://localhost:3000',
  })
  const reader = (res.body as ReadableStream<Uint8Array>).getReader()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toMatch(/^data: 0/)
  expect((await reader.read()).done).toBe(false)
  leave.abort()
  await expect
    .poll(async () => json(await app.nobody.get(`${fns.fn('events')}?cancelled`)), {
      timeout: 5000,
    })
    .toEqual({ cancelled: 1 })
})

test('ANY /fn/{name} refuses a body over 10 MiB with 413, whether its size is told or not', async () => {
  await fns.deploy(
    'size',
    handler(`return Response.json({ size: (await req.arrayBuffer()).byteLength })`),
  )
  const fits = await app.nobody.post(fns.fn('size'), new Uint8Array(10 * 1024 * 1024))
  expect(await json(fits)).toEqual({ size: 10 * 1024 * 1024 })
  const told = await app.nobody.post(fns.fn('size'), new Uint8Array(11 * 1024 * 1024))
  expect([told.status, (await errorOf(told)).code]).toEqual([413, 'REQUEST_ERROR'])
  expect(await postChunked(`${app.url}${fns.fn('size')}`, 11)).toBe(413)
  expect(await postChunked(`${app.url}${fns.fn('size')}`, 3)).toBe(200)
})

/** Without a Content-Length. @returns the status */
function postChunked(url: string, mebibytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST' }, (res) => {
      res.resume()
      resolve(res.statusCode ?? 0)
    })
    req.on('error', reject)
    for (let at = 0; at < mebibytes; at++) req.write(Buffer.alloc(1024 * 1024))
    req.end()
  })
}

test('POST /functions/{name}/invoke tries a function as the service or a user, also without an http trigger', async () => {
  const code = handler(`const { rows } = await ctx.db.query('select text from notes order by text')
    return Response.json({ body: await req.json(), method: req.method, url: req.url, count: rows.length, user: ctx.user },
      { status: 202, headers: { 'x-hidden': '1' } })`)
  await fns.deploy('hidden', code, {
    triggers: [{ type: 'cron', config: { schedule: '0 5 * * *' } }],
  })
  const res = await app.owner.post(`${fns.one('hidden')}/invoke`, { a: [1] })
  expect([res.status, res.headers.get('x-hidden')]).toEqual([202, null])
  expect(await json(res)).toEqual({
    body: { a: [1] },
    method: 'POST',
    url: `${app.url}${fns.fn('hidden')}`,
    count: 3,
    user: null,
  })
  const broken = await app.owner.post(`${fns.one('hidden')}/invoke`, '{"a":')
  expect([broken.status, (await errorOf(broken)).code]).toEqual([400, 'REQUEST_ERROR'])
  const empty = await app.owner.post(`${fns.one('hidden')}/invoke`)
  expect(await json(empty)).toMatchObject({ body: {} })
  const asAda = { 'x-butterbase-as-user': ada.id }
  expect(await json(await app.owner.post(`${fns.one('hidden')}/invoke`, {}, asAda))).toMatchObject({
    count: 1,
    user: { id: ada.id },
  })
  expect(await fns.lastLog('hidden')).toMatchObject({ trigger: 'invoke', method: 'POST' })
  expect((await app.owner.post(`${fns.one('absent')}/invoke`)).status).toBe(404)
})

test('a function without an enabled http trigger is there for its owner only', async () => {
  const disabled = [{ type: 'http', config: { auth: 'none' }, enabled: false }]
  await fns.deploy('off', HELLO, { triggers: disabled })
  for (const name of ['hidden', 'off', 'absent']) {
    for (const client of [app.nobody, ada]) {
      const res = await client.get(fns.fn(name))
      expect([res.status, await errorOf(res)]).toMatchObject([
        404,
        { message: 'Function not found' },
      ])
    }
  }
  expect((await app.owner.get(fns.fn('off'))).status).toBe(200)
})

test('no app, no function: an unknown app id answers 404', async () => {
  expect((await app.nobody.get('/v1/app_000000000000/fn/hello')).status).toBe(404)
})

test('TRACE is refused with 405: no function can be told of it', async () => {
  await fns.deploy('untraced', HELLO)
  const answered = await new Promise((resolve, reject) => {
    request(`${app.url}${fns.fn('untraced')}`, { method: 'TRACE' }, (res) => {
      res.resume()
      resolve([res.statusCode, res.headers.allow])
    })
      .on('error', reject)
      .end()
  })
  expect(answered).toEqual([405, 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS'])
  expect(await fns.logs('untraced')).toEqual([])
})

test('a transaction that nobody waited for ends with its invocation, and with it only', async () => {
  await fns.deploy(
    'hasty',
    `export default (req, ctx) => { ctx.db.asAnon(() => {}).catch(() => {}); return new Response('done') }`,
  )
  for (let turn = 0; turn < 5; turn++) {
    const res = await app.owner.get(fns.fn('hasty'))
    expect([res.status, await res.text()]).toEqual([200, 'done'])
  }
})
