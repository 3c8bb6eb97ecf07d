import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { query, madeCluster, until } from './cluster-fixture.ts'
import { logLines, parseServerLine } from './log-lines.ts'

test.each([
  ['[12] 00000 LOG:  ready', 'debug', 'ready'],
  ['[12] 01000 WARNING:  careful', 'warn', 'careful'],
  ['[12] 23505 ERROR:  duplicate key', 'debug', 'duplicate key'],
  ['[12] 42601 ERROR:  syntax error at or near "hunter2"', 'debug', 'syntax error at or near "…"'],
  ['[12] 42601 ERROR:  unterminated at or near ""a" "b', 'debug', 'unterminated at or near "…"'],
  ['[12] 53100 PANIC:  no room', 'error', 'no room'],
  ['[12] XX000 FATAL:  broken', 'error', 'broken'],
  ['[12] 57P01 FATAL:  terminating connection', 'debug', 'terminating connection'],
  ['[12] 08006 FATAL:  connection to client lost', 'debug', 'connection to client lost'],
  ['[12] 28P01 FATAL:  password authentication failed', 'warn', 'password authentication failed'],
  ['postgres: cannot load libraries', 'debug', 'postgres: cannot load libraries'],
])('parseServerLine %s', (line, level, message) => {
  expect(parseServerLine(line)).toMatchObject({ level, message })
})

test('parseServerLine drops the rest of a text, which may be a statement', () => {
  expect(parseServerLine("\talter role x password 'hunter2'")).toBeUndefined()
  expect(parseServerLine('')).toBeUndefined()
})

test('logLines keeps the last lines only', async () => {
  const stream = new PassThrough()
  const last = logLines(stream, pino({ level: 'silent' }))
  stream.end(Array.from({ length: 50 }, (_, n) => `line ${n}`).join('\n'))

  await until(() => last.at(-1) === 'line 49')
  expect(last).toHaveLength(20)
})

test('no text of a statement reaches the log, at any level', async () => {
  const written: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => written.push(line) })
  await using place = await madeCluster()
  const cluster = await place.start({ log })
  const attempts = [
    `select hunter2`.replace('hunter2', `'hunter2`),
    `create role x password 'hunter2' "hunter2"`,
    `select 'hunter2'::int`,
    `create table t (a text unique); insert into t values ('hunter2'), ('hunter2')`,
    `do $$ begin\nraise exception 'first\n  hunter2'; end $$`,
  ]

  for (const text of attempts) await query(cluster.urlOf('postgres'), text).catch(() => undefined)
  await cluster.stop()

  expect(written.filter((line) => line.includes('"level":20'))).not.toEqual([])
  expect(
    written.filter((line) => /"sqlState":"(42601|22P02|23505)"/.test(line)).length,
  ).toBeGreaterThan(3)
  expect(written.join('')).not.toContain('hunter2')
  expect(written.join('')).not.toContain(place.password.reveal())
})
