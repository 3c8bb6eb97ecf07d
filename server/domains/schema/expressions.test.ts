import { expect, test } from 'vitest'
import { problemWith } from './expressions.ts'

test.each([
  'now()',
  "'a;b -- c'",
  "E'it\\'s; fine'",
  "now() + interval '7 days'",
  '\'{"a": [1, 2]}\'::jsonb',
  'array[1, 2]::integer[]',
  '"order" = current_user_id()::uuid',
  'exists (select 1 from members m where m.team_id = teams.id)',
  "name ~ '^[a-z]+$' and a - -1 > 0",
  'price * 1.5e3 <= limit_cents / 2',
])('problemWith lets an expression pass: %s', (expression) => {
  expect(problemWith(expression)).toBeUndefined()
})

test.each([
  ['0); drop table x; --', 'unsafe'],
  ['0; drop table x', 'unsafe'],
  ['0) , evil text default (0', 'unsafe'],
  ['true) with check (true', 'unsafe'],
  ['0 -- rest', 'unsafe'],
  ['0 /* rest */', 'unsafe'],
  ['$$a$$', 'unsafe'],
  ['$1', 'unsafe'],
  ["U&'\\0061'", 'unsafe'],
  ['U&"\\0073et_config"(1)', 'unsafe'],
  ["set_config('role', 'postgres', true)", 'unsafe'],
  ["SET_CONFIG ('role', 'x', true)", 'unsafe'],
  ["\"set_config\"('role', 'x', true)", 'unsafe'],
  ["pg_catalog . pg_read_file\n('/etc/passwd')", 'unsafe'],
  ["dblink_exec('x')", 'unsafe'],
  ['lo_import(1)', 'unsafe'],
  ['pg_sleep(10)', 'unsafe'],
  ["query_to_xml('select 1', true, true, '')", 'unsafe'],
  ['[1)', 'unsafe'],
  ["E'\\'; drop table x", 'malformed'],
  ["'open", 'malformed'],
  ['(1', 'malformed'],
  ['\\', 'malformed'],
  ["E'\\'", 'malformed'],
  ['a\0b', 'unsafe'],
  ["'a\0b'", 'unsafe'],
  ["E'a'\n'\\' || ' ) ; drop table x -- '", 'unsafe'],
  ['', 'malformed'],
  ['  ', 'malformed'],
] as const)('problemWith refuses %j as %s', (expression, kind) => {
  expect(problemWith(expression)?.kind).toBe(kind)
})

test('problemWith refuses an expression of more than 10,000 characters', () => {
  expect(problemWith('1'.repeat(10_000))).toBeUndefined()
  expect(problemWith('1'.repeat(10_001))?.kind).toBe('unsafe')
})
