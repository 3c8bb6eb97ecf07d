/** What PostgREST answers to every class of SQLSTATE, raised by a function. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
  await app.sql(`
    create function fail_with(state text, words text default 'so it is') returns void language plpgsql as $$ begin
      raise exception using errcode = state, message = words, detail = 'a detail', hint = 'a hint'; end $$;
    create function fail_wholly(message text, detail text) returns void language plpgsql as $$ begin
      if detail is null then raise sqlstate 'PGRST' using message = message; end if;
      raise sqlstate 'PGRST' using message = message, detail = detail; end $$;
    create function fail_plainly() returns void language plpgsql as $$ begin raise exception 'plain'; end $$;
    grant usage on schema public to anon`)
})

afterAll(() => app[Symbol.asyncDispose]())

async function raised(args: Record<string, string>, key = app.serviceKey) {
  const res = await app.as(key).post('/rest/v1/rpc/fail_with', args)
  return { status: res.status, headers: res.headers, body: (await res.json()) as unknown }
}

/** One or more states of each class in PostgreSQL's list, and states that nobody has listed. */
const STATUS: readonly (readonly [state: string, status: number])[] = [
  ['01000', 400],
  ['02000', 400],
  ['03000', 400],
  ['08000', 503],
  ['08006', 503],
  ['09000', 500],
  ['0A000', 400],
  ['0B000', 400],
  ['0F000', 400],
  ['0L000', 403],
  ['0P000', 403],
  ['0Z000', 400],
  ['10608', 400],
  ['20000', 400],
  ['21000', 500],
  ['22000', 400],
  ['22012', 400],
  ['22023', 400],
  ['22P02', 400],
  ['23000', 400],
  ['23502', 400],
  ['23503', 409],
  ['23505', 409],
  ['23514', 400],
  ['23P01', 400],
  ['24000', 400],
  ['25000', 500],
  ['25006', 405],
  ['26000', 400],
  ['27000', 400],
  ['28000', 403],
  ['28P01', 403],
  ['2B000', 400],
  ['2D000', 500],
  ['2F000', 400],
  ['34000', 400],
  ['38000', 500],
  ['39000', 500],
  ['3B000', 500],
  ['3D000', 400],
  ['3F000', 400],
  ['40000', 500],
  ['40001', 500],
  ['40P01', 500],
  ['42000', 400],
  ['42501', 403],
  ['42601', 400],
  ['42703', 400],
  ['42883', 404],
  ['42P01', 404],
  ['42P17', 500],
  ['44000', 400],
  ['53000', 503],
  ['53200', 503],
  ['53400', 500],
  ['54000', 500],
  ['54001', 500],
  ['55000', 500],
  ['55P03', 500],
  ['57000', 500],
  ['57014', 500],
  ['57P01', 503],
  ['58000', 500],
  ['58030', 500],
  ['F0000', 500],
  ['HV000', 500],
  ['P0000', 500],
  ['P0001', 400],
  ['P0002', 500],
  ['XX000', 500],
  ['XX001', 500],
  ['PT204', 204],
  ['PT402', 402],
  ['PT599', 599],
  ['PT999', 500],
  ['PTABC', 500],
  ['ZZ999', 400],
]

test.each(STATUS)(
  'a function that fails with %s answers %i in its own words',
  async (state, status) => {
    const res = await app.as(app.serviceKey).post('/rest/v1/rpc/fail_with', { state })
    expect(res.status).toBe(status)
    expect(res.headers.get('proxy-status')).toBe(`PostgREST; error=${state}`)
    if (status === 204) return
    expect(await res.json()).toEqual({
      code: state,
      message: 'so it is',
      details: 'a detail',
      hint: 'a hint',
    })
  },
)

test('what a role may not do answers 401 to a stranger, and how to be somebody', async () => {
  const { status, headers, body } = await raised({ state: '42501' }, app.anonKey)
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(body).toMatchObject({ code: '42501' })
})

test('some states mean another thing with certain words', async () => {
  const safe = await raised({ state: '21000', words: 'DELETE requires a WHERE clause' })
  expect(safe.status).toBe(400)
  const role = await raised({ state: '22023', words: 'role "nobody" does not exist' })
  expect(role.status).toBe(401)
  const xml = await raised({ state: '42883', words: 'function xmlagg(integer) does not exist' })
  expect(xml.status).toBe(406)
})

test("a status of one's own has the message beside it", async () => {
  const res = await app
    .as(app.serviceKey)
    .post('/rest/v1/rpc/fail_with', { state: 'PT418', words: 'No tea' })
  expect([res.status, res.statusText]).toEqual([418, 'No tea'])
})

test('a raise without a state is a bad request', async () => {
  const res = await app.as(app.serviceKey).post('/rest/v1/rpc/fail_plainly', {})
  expect([res.status, await res.json()]).toEqual([
    400,
    { code: 'P0001', message: 'plain', details: null, hint: null },
  ])
})

describe("raise sqlstate 'PGRST'", () => {
  const raise = async (message: unknown, detail: unknown) => {
    const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
    const args = { message: text(message), detail: detail === null ? null : text(detail) }
    const res = await app.as(app.serviceKey).post('/rest/v1/rpc/fail_wholly', args)
    return { status: res.status, headers: res.headers, body: (await res.json()) as unknown }
  }

  test('sets status, headers and body', async () => {
    const told = await raise(
      { code: 'A1', message: 'no', hint: 'h' },
      { status: 451, headers: { 'X-Why': 'law' } },
    )
    expect([told.status, told.headers.get('x-why'), told.headers.get('proxy-status')]).toEqual([
      451,
      'law',
      'PostgREST; error=A1',
    ])
    expect(told.body).toEqual({ code: 'A1', message: 'no', details: null, hint: 'h' })
  })

  const good = { code: 'A1', message: 'no' }
  test.each([
    ['nonsense', {}, "Invalid JSON value for MESSAGE: 'nonsense'"],
    [{ code: 'A1' }, {}, `Invalid JSON value for MESSAGE: '{"code":"A1"}'`],
    [{ ...good, hint: 5 }, {}, 'Invalid JSON value for MESSAGE'],
    [good, null, 'DETAIL is missing in the RAISE statement'],
    [good, 'nonsense', "Invalid JSON value for DETAIL: 'nonsense'"],
    [good, { headers: {} }, 'Invalid JSON value for DETAIL'],
    [good, { status: 404 }, 'Invalid JSON value for DETAIL'],
    [good, { status: '404', headers: {} }, 'Invalid JSON value for DETAIL'],
    [good, { status: 99, headers: {} }, 'Invalid JSON value for DETAIL'],
    [good, { status: 404, headers: { 'a b': 'x' } }, 'Invalid JSON value for DETAIL'],
    [good, { status: 404, headers: { a: 5 } }, 'Invalid JSON value for DETAIL'],
  ])('with %j and %j says what is wrong', async (message, detail, details) => {
    expect(await raise(message, detail)).toMatchObject({
      status: 500,
      body: { code: 'PGRST121', details: expect.stringContaining(details) as string },
    })
  })
})
