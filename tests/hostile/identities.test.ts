/**
 * Many users at once over the same few connections: every answer belongs to who asked, whatever the others ask, however
 * it fails, and whatever becomes of the connection or the schema meanwhile.
 */
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

const USERS = 40
const AT_ONCE = 48
const SECRET = 'a key of thirty-two characters, x'

let app: TestApp
let users: User[]
let zone: string

type User = { sub: string; token: string; rows: number; firstId: number }

/** What one request got. */
type Answer = { status: number; headers: Headers; text: string }

/** One kind of request: what is asked, and what is wrong with an answer; undefined = nothing. */
type Kind = {
  name: string
  path: (me: User, other: User) => string
  method?: string
  headers?: (me: User) => Record<string, string>
  body?: (me: User, other: User) => object
  /** Leaves after so many milliseconds. */
  leaves?: number
  isRight: (answer: Answer, me: User, other: User) => boolean
}

const rowsOf = ({ text }: Answer): { id: number; owner: string; text: string }[] => JSON.parse(text)

const isMine = (answer: Answer, me: User, count = me.rows): boolean => {
  if (answer.status !== 200) return false
  const rows = rowsOf(answer)
  return (
    rows.length === count &&
    rows.every(({ owner, text }) => owner === me.sub && text.startsWith(me.sub))
  )
}

const isRefused = (status: number, code: string) => (answer: Answer) =>
  answer.status === status && (JSON.parse(answer.text) as { code: string }).code === code

type Session = {
  sub: string
  user: string
  zone: string
  level: string
  limit: string
  mark: string | null
}

const session = (answer: Answer): Session => JSON.parse(answer.text)

/** Nothing of anybody else's request in it. */
const isMySession = (answer: Answer, me: User, differs: Partial<Session> = {}): boolean => {
  const expected = {
    sub: me.sub,
    user: 'authenticated',
    zone,
    level: 'read committed',
    limit: '100',
    mark: null,
  }
  const seen = session(answer)
  return (
    answer.headers.get('x-for') === null &&
    Object.entries({ ...expected, ...differs }).every(
      ([name, value]) => seen[name as keyof Session] === value,
    )
  )
}

const KINDS: Kind[] = [
  {
    name: 'a list',
    path: () => '/letters?select=id,owner,text',
    isRight: (answer, me) => isMine(answer, me),
  },
  {
    name: 'a list with a count',
    path: () => '/letters?select=owner,text&order=id&limit=1',
    headers: () => ({ prefer: 'count=exact' }),
    isRight: (answer, me) => {
      const [row] = rowsOf(answer)
      return row?.owner === me.sub && answer.headers.get('content-range') === `0-0/${me.rows}`
    },
  },
  {
    name: 'one of mine',
    path: (me) => `/letters?id=eq.${me.firstId}`,
    headers: () => ({ accept: 'application/vnd.pgrst.object+json' }),
    isRight: ({ text }, me) => (JSON.parse(text) as { owner: string }).owner === me.sub,
  },
  {
    name: 'one of another',
    path: (_, other) => `/letters?id=eq.${other.firstId}`,
    isRight: (answer, me) => isMine(answer, me, 0),
  },
  {
    name: 'all of another',
    path: (_, other) => `/letters?owner=eq.${other.sub}`,
    isRight: (answer, me) => isMine(answer, me, 0),
  },
  {
    name: 'mine with what hangs on them',
    path: (me) => `/letters?select=owner,text,lines(owner,text)&id=eq.${me.firstId}`,
    isRight: (answer, me) =>
      isMine(answer, me, 1) && !/u\d+/g.exec(answer.text.replaceAll(me.sub, '')),
  },
  { name: 'no number', path: () => '/letters?id=eq.x', isRight: isRefused(400, '22P02') },
  { name: 'no such column', path: () => '/letters?nowhere=eq.1', isRight: isRefused(400, '42703') },
  {
    name: 'an error of its own',
    path: (me) => `/rpc/fail?word=${me.sub}`,
    isRight: (answer, me) => answer.status === 400 && answer.text.includes(`${me.sub} failed`),
  },
  {
    name: 'a session',
    path: () => '/rpc/session',
    isRight: (answer, me) => isMySession(answer, me),
  },
  {
    name: 'a session in a zone',
    path: () => '/rpc/session',
    headers: () => ({ prefer: 'timezone=Asia/Tokyo' }),
    isRight: (answer, me) => isMySession(answer, me, { zone: 'Asia/Tokyo' }),
  },
  {
    name: 'a session with a mark',
    path: () => '/rpc/session',
    headers: (me) => ({ 'x-mark': me.sub }),
    isRight: (answer, me) => isMySession(answer, me, { mark: me.sub }),
  },
  {
    name: 'a session that is serializable',
    path: () => '/rpc/serial',
    isRight: (answer, me) => isMySession(answer, me, { level: 'serializable' }),
  },
  {
    name: 'a session with a limit',
    path: () => '/rpc/limited',
    isRight: (answer, me) => isMySession(answer, me, { limit: '7' }),
  },
  {
    name: 'a status and a header of its own',
    path: () => '/rpc/teapot',
    isRight: ({ status, headers, text }, me) =>
      status === 418 && headers.get('x-for') === me.sub && text.includes(me.sub),
  },
  {
    name: 'a rehearsal',
    method: 'POST',
    path: () => '/letters?select=owner,text',
    headers: () => ({ prefer: 'tx=rollback, return=representation' }),
    body: (me) => ({ owner: me.sub, text: `${me.sub} rehearses` }),
    isRight: (answer, me) =>
      answer.status === 201 && rowsOf(answer).every(({ owner }) => owner === me.sub),
  },
  {
    name: 'a letter in the name of another',
    method: 'POST',
    path: () => '/letters',
    body: (_, other) => ({ owner: other.sub, text: 'forged' }),
    isRight: isRefused(403, '42501'),
  },
  {
    name: 'a change that is checked at its end',
    method: 'PATCH',
    path: () => '/checked?id=eq.1',
    body: () => ({ of: 999 }),
    isRight: isRefused(409, '23503'),
  },
  {
    name: 'one who leaves',
    leaves: 3,
    path: () => '/letters',
    isRight: (answer, me) => isMine(answer, me),
  },
]

/** Brief as a rule, and then it is not. */
const NAP: Kind = {
  name: 'a nap',
  path: (me) => `/naps?select=owner,text,nap&seconds=eq.${me.firstId % 30 === 1 ? 0.4 : 0}`,
  isRight: (answer, me) => isMine(answer, me, 1),
}

beforeAll(async () => {
  app = await startApp()
  await app.owner.patch(`/v1/${app.appId}/config/data-api`, { jwt_secret: SECRET })
  await app.sql(SCHEMA)
  users = await Promise.all(Array.from({ length: USERS }, (_, at) => user(at)))
  const [first] = users
  if (first) zone = session(await ask({ ...NAP, path: () => '/rpc/session' }, first, first)).zone
})

afterAll(() => app[Symbol.asyncDispose]())

const SCHEMA = `
  create table letters (id int primary key generated by default as identity (start 100000), owner text not null, text text not null);
  create table lines (id int primary key generated by default as identity, letter int references letters, owner text, text text);
  create table checked (id int primary key, of int references checked deferrable initially deferred);
  insert into checked values (1, 1);
  create function caller() returns text language sql stable as $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
  alter table letters enable row level security; alter table lines enable row level security;
  create policy mine on letters for all to authenticated using (owner = caller()) with check (owner = caller());
  create policy mine on lines for all to authenticated using (owner = caller());
  grant all on letters, lines, checked to authenticated;
  create function fail(word text) returns int language plpgsql stable as $$ begin raise '% failed', caller(); end $$;
  create function session() returns json language sql stable as $$ select json_build_object('sub', caller(),
    'user', current_user, 'zone', current_setting('timezone'), 'level', current_setting('transaction_isolation'),
    'limit', current_setting('default_statistics_target'), 'mark', current_setting('request.headers', true)::json ->> 'x-mark') $$;
  create function serial() returns json language sql stable set default_transaction_isolation = 'serializable' as 'select session()';
  create function limited() returns json language sql stable set default_statistics_target = 7 as 'select session()';
  create function teapot() returns text language sql stable as $$ select caller() where
    set_config('response.status', '418', true) is not null and
    set_config('response.headers', json_build_array(json_build_object('X-For', caller()))::text, true) is not null $$;
  create view naps with (security_invoker = true) as
    select seconds, owner, text, pg_sleep(seconds)::text as nap from letters, unnest(array[0, 0.4]) seconds
    where letters.id % 100 = 1;
  grant select on naps to authenticated;`

/** Each has as many letters as makes a list tell whose it is. */
async function user(at: number): Promise<User> {
  const sub = `u${at}u`
  const rows = 5 + (at % 7) * 5
  const token = await new SignJWT({ role: 'authenticated', sub })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET))
  const firstId = at * 100 + 1
  await app.sql(
    `insert into letters select $1::int + i, $2, $2 || ' wrote ' || i from generate_series(0, $3 - 1) i`,
    [firstId, sub, rows],
  )
  await app.sql(
    `insert into lines (letter, owner, text) select $1, $2, $2 || ' line' from generate_series(1, 3)`,
    [firstId, sub],
  )
  return { sub, token, rows, firstId }
}

async function ask(kind: Kind, me: User, other: User): Promise<Answer> {
  const { path, method = 'GET', headers, body, leaves } = kind
  const signal = leaves === undefined ? {} : { signal: AbortSignal.timeout(leaves) }
  const res = await fetch(`${app.url}/rest/v1${path(me, other)}`, {
    method,
    headers: {
      authorization: `Bearer ${me.token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers?.(me),
    },
    ...(body ? { body: JSON.stringify(body(me, other)) } : {}),
    ...signal,
  })
  return { status: res.status, headers: res.headers, text: await res.text() }
}

/** The same numbers in each run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

type Run = { kinds: readonly Kind[]; times: number; mayBeAway?: boolean; by?: readonly User[] }

/** What was wrong with the answers to so many requests, many at once, of all users by turns. */
async function deviations({ kinds, times, mayBeAway = false, by = users }: Run): Promise<string[]> {
  const roll = dice(times)
  const wrong: string[] = []
  let left = times
  const one = async (): Promise<void> => {
    const kind = pick(kinds, roll)
    const me = pick(by, roll)
    const other = pick(
      users.filter((user) => user !== me),
      roll,
    )
    const answer = await ask(kind, me, other).catch((error: unknown) => error)
    if (answer instanceof Error) {
      if (kind.leaves === undefined) wrong.push(`${kind.name}: ${String(answer)}`)
      return
    }
    const got = answer as Answer
    if (mayBeAway && got.status === 503) return
    if (!isRight(kind, got, { me, other }))
      wrong.push(`${kind.name} of ${me.sub}: ${got.status} ${got.text.slice(0, 300)}`)
  }
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return wrong
}

const pick = <T>(all: readonly T[], roll: (sides: number) => number): T =>
  all[roll(all.length)] as T

function isRight(kind: Kind, answer: Answer, { me, other }: { me: User; other: User }): boolean {
  try {
    return kind.isRight(answer, me, other)
  } catch {
    return false
  }
}

test('every answer is the asker’s own, whatever others ask at the same time', async () => {
  expect(await deviations({ kinds: KINDS, times: 1500 })).toEqual([])
}, 30_000)

test('also when some take long', async () => {
  expect(await deviations({ kinds: [...KINDS, NAP, NAP], times: 500 })).toEqual([])
}, 30_000)

test('also when connections end and the schema changes meanwhile', async () => {
  let isOver = false
  const trouble = async (text: string): Promise<void> => {
    while (!isOver) await app.sql(text)
  }
  const troubles = [
    trouble(`select pg_terminate_backend(pid), pg_sleep(0.05) from pg_stat_activity
      where application_name = 'stead-api' and datname = current_database()`),
    trouble(
      `alter table letters add more int; select pg_sleep(0.05); alter table letters drop more`,
    ),
  ]
  const reads = KINDS.filter(({ method = 'GET' }) => method === 'GET')
  const wrong = await deviations({ kinds: reads, times: 1000, mayBeAway: true })
  isOver = true
  await Promise.all(troubles)
  expect(wrong).toEqual([])
}, 30_000)

/** When the transactions began in which this was asked. */
const moments = new Map<string, string[]>()

const MOMENT: Kind = {
  name: 'a moment',
  path: (me) => `/rpc/moment?word=${me.sub}`,
  isRight: ({ text }, me) => {
    const { sub, word, now } = JSON.parse(text) as { sub: string; word: string; now: string }
    moments.set(now, [...(moments.get(now) ?? []), sub])
    return sub === me.sub && word === me.sub
  },
}

test('also when reads of one user go on in one transaction', async () => {
  await app.sql(`drop function serial, limited, teapot, session;
    create function moment(word text) returns json language sql stable as
    $$ select json_build_object('sub', caller(), 'word', word, 'now', now()) $$`)
  const gone = /session|status/
  const kinds = [...KINDS.filter(({ name }) => !gone.test(name)), MOMENT, MOMENT, NAP]
  expect(await deviations({ kinds, times: 1500, by: users.slice(0, 3) })).toEqual([])
  const together = [...moments.values()].filter(({ length }) => length > 1)
  expect(together.length).toBeGreaterThan(0)
  expect(together.every((subs) => new Set(subs).size === 1)).toBe(true)
}, 30_000)

test('what sets something for its transaction has one of its own', async () => {
  moments.clear()
  await app.sql(`create function leave() returns text language sql stable begin atomic
    select set_config('mine.word', 'left', true); end;
    create or replace function moment(word text) returns json language sql stable as
    $$ select json_build_object('sub', caller(), 'word', word, 'now', now()) where current_setting('mine.' || word, true) is null $$`)
  const LEAVE: Kind = {
    name: 'a word',
    path: () => '/rpc/leave',
    isRight: ({ text }) => text === '"left"',
  }
  const [ann, bob] = users as [User, User]
  // What is not known yet has the schema read anew.
  expect((await ask(LEAVE, ann, bob)).status).toBe(200)
  const kinds = [MOMENT, LEAVE, ...KINDS.slice(0, 3)]
  expect(await deviations({ kinds, times: 600, by: [ann, bob] })).toEqual([])
  expect([...moments.values()].every(({ length }) => length === 1)).toBe(true)
}, 30_000)

test('no rehearsal and no forgery left anything', async () => {
  const [found] = await app.sql(
    `select count(*)::int as all, count(*) filter (where text not like owner || ' wrote %')::int as odd from letters`,
  )
  expect(found).toEqual({ all: users.reduce((sum, { rows }) => sum + rows, 0), odd: 0 })
})
