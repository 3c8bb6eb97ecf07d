import { expect, test } from 'vitest'
import { Secret } from '#core/secret'
import { driverUrl } from './driver-url.ts'

const AT = 'postgresql://stead:p%40ss%2Fword@db.internal:5432/postgres'

test.each([
  ['', ''],
  ['?sslmode=disable', '?sslmode=disable'],
  ['?sslmode=verify-full', '?sslmode=verify-full'],
  ['?sslmode=no-verify', '?sslmode=no-verify'],
  ['?sslmode=require', '?sslmode=require&uselibpqcompat=true'],
  ['?sslmode=prefer', '?sslmode=prefer&uselibpqcompat=true'],
  ['?sslmode=verify-ca', '?sslmode=verify-ca&uselibpqcompat=true'],
  ['?uselibpqcompat=true&sslmode=require', '?uselibpqcompat=true&sslmode=require'],
])('driverUrl gives the words of libpq their meaning: %j', (asked, given) => {
  expect(driverUrl(new Secret(AT + asked))).toBe(AT + given)
})
