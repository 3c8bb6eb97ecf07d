import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { createKeyring } from './keyring.ts'
import { Secret } from './secret.ts'

const ring = (...secrets: string[]) =>
  createKeyring(secrets.map((text) => ({ id: `k${text.at(-1)}`, secret: new Secret(text) })))

test('decrypt() gives back what encrypt() was given, under the same context only', () => {
  const sealed = ring('secret-1').encrypt('hello', 'app_1/env')
  expect(sealed).toMatch(/^k1\./)
  expect(sealed).not.toContain('hello')
  expect(ring('secret-1').decrypt(sealed, 'app_1/env')).toBe('hello')
  expect(() => ring('secret-1').decrypt(sealed, 'app_2/env')).toThrow(/Cannot decrypt/)
})

test('decrypt() reads what an older key wrote, and refuses an unknown key or a changed byte', () => {
  const sealed = ring('secret-1').encrypt('hello', 'x')
  expect(ring('secret-2', 'secret-1').decrypt(sealed, 'x')).toBe('hello')
  expect(() => ring('secret-2').decrypt(sealed, 'x')).toThrow(/Cannot decrypt/)
  expect(() => ring('secret-1').decrypt(`${sealed.slice(0, -2)}AA`, 'x')).toThrow(/Cannot decrypt/)
})

test('renew() seals again under the current key what an older one sealed, and only that', () => {
  const sealed = ring('secret-1').encrypt('hello', 'x')
  const both = ring('secret-2', 'secret-1')
  const renewed = both.renew(sealed, 'x') ?? ''
  expect(ring('secret-2').decrypt(renewed, 'x')).toBe('hello')
  expect(both.renew(renewed, 'x')).toBeUndefined()
  expect(() => both.renew(sealed, 'y')).toThrow(/Cannot decrypt/)
})

test('Secret never prints its value', () => {
  const secret = new Secret('hunter2')
  expect([String(secret), JSON.stringify({ secret }), inspect(secret)].join()).not.toContain(
    'hunter2',
  )
  expect(secret.reveal()).toBe('hunter2')
})
