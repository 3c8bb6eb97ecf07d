import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Secret } from '#core/secret'
import { readConfig, unknownVariables } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'stead-config-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function withFile(content: string): { folder: string } {
  writeFileSync(join(folder, 'stead.config.json'), content)
  return { folder }
}

test('readConfig gives flags before environment before file before default', () => {
  const file = withFile('{"port":3,"host":"file","logLevel":"warn"}')
  const env = { STEAD_PORT: '2', STEAD_HOST: 'environment' }
  const config = readConfig({ ...file, env, flags: { port: '1' } })
  expect(config).toMatchObject({
    port: 1,
    host: 'environment',
    logLevel: 'warn',
    dataDir: '.stead',
  })
})

test('readConfig takes an empty variable as absent', () => {
  expect(readConfig({ env: { STEAD_PORT: '' } }).port).toBe(8080)
})

test('readConfig reads no other variables than STEAD_*', () => {
  expect(readConfig({ env: { PORT: '1', HOST: 'x', DATABASE_URL: 'x' } })).toEqual(
    readConfig({ env: {} }),
  )
})

test('unknownVariables finds what was mistyped, and leaves alone what is not ours', () => {
  const env = { STEAD_PORT: '1', STEAD_DATABSE_URL: 'x', STEAD_TEST_DATABASE_URL: 'x', PORT: '1' }
  expect(unknownVariables(env)).toEqual(['STEAD_DATABSE_URL'])
})

test.each([
  ['STEAD_TRUSTED_PROXIES', 'loadbalancer', 'must be IP addresses'],
  ['STEAD_BASE_DOMAIN', 'https://example.com', 'must be a domain'],
])('readConfig refuses %s=%s', (name, value, sentence) => {
  expect(() => readConfig({ env: { [name]: value } })).toThrow(sentence)
})

test('readConfig gives every kind of value its own type', () => {
  const env = {
    STEAD_DRAIN: '2m',
    STEAD_TRUSTED_PROXIES: '10.0.0.1, 10.0.0.2',
    STEAD_PUBLIC_URL: 'https://api.example.com/',
    STEAD_REGIONS: 'eu-west-1=postgresql://u:p@db/x,us-east-1',
    STEAD_SECRET: 'x'.repeat(32),
  }
  const config = readConfig({ env })
  expect(config).toMatchObject({
    drainMs: 120_000,
    trustedProxies: ['10.0.0.1', '10.0.0.2'],
    publicUrl: 'https://api.example.com',
    regions: [
      { name: 'eu-west-1', url: expect.any(Secret) },
      { name: 'us-east-1', url: undefined },
    ],
  })
  expect(config.secret?.reveal()).toBe('x'.repeat(32))
  expect(JSON.stringify(config)).not.toMatch(/xxx|u:p/)
})

test.each([
  ['STEAD_PORT', '80a', 'STEAD_PORT must be a whole number from 0 to 65535'],
  ['STEAD_PORT', '65536', 'STEAD_PORT must be a whole number from 0 to 65535'],
  ['STEAD_LOG_LEVEL', 'loud', 'STEAD_LOG_LEVEL must be one of trace, debug, info'],
  ['STEAD_DRAIN', 'soon', 'STEAD_DRAIN must be a duration such as 30s, 15m or 2h'],
  ['STEAD_DRAIN', '25d', 'STEAD_DRAIN must be a duration such as 30s, 15m or 2h, at most 24d'],
  ['STEAD_PUBLIC_URL', 'example.com', 'STEAD_PUBLIC_URL must be a URL such as https://'],
])('readConfig refuses %s=%s and says what it accepts', (name, value, sentence) => {
  const read = () => readConfig({ env: { [name]: value } })
  expect(read).toThrow(`Cannot start: ${sentence}`)
  expect(read).toThrow(`current value is "${value}"`)
})

test.each([
  ['STEAD_SECRET', 'hidden'],
  ['STEAD_PREVIOUS_SECRETS', `${'x'.repeat(32)},hidden`],
  ['STEAD_DATABASE_URL', 'mysql://root:hidden@localhost/x'],
  // The end of such a password would be the host that is asked for.
  ['STEAD_DATABASE_URL', 'postgres://u:p@hidden/w@db/x'],
  ['STEAD_DATABASE_URL', 'postgres://u:1#hidden@db/x'],
  ['STEAD_DATABASE_URL', 'postgres://u:50%hidden@db/x'],
  ['STEAD_REGIONS', 'Hidden'],
  ['STEAD_REGIONS', 'us-hidden-1,us-hidden-1'],
  ['STEAD_REGIONS', 'us-east-1=mysql://root:hidden@localhost/x'],
])('readConfig refuses %s=%s without repeating it', (name, value) => {
  expect(() => readConfig({ env: { [name]: value } })).toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(/hidden/i) }),
  )
})

test.each([
  ['{', 'stead.config.json is not valid JSON'],
  ['[]', 'stead.config.json must hold one JSON object'],
  ['null', 'stead.config.json must hold one JSON object'],
  ['{"prot":1}', 'stead.config.json has no setting "prot"; it knows host, port'],
  ['{"toString":1}', 'stead.config.json has no setting "toString"'],
  ['{"host":{"name":"x"}}', '"host" in stead.config.json must be a text, a number or a list'],
  ['{"dataDir":null}', '"dataDir" in stead.config.json must be a text, a number or a list'],
  ['{"drainMs":"x"}', '"drainMs" in stead.config.json must be a duration'],
  ['{"port":1.5}', '"port" in stead.config.json must be a whole number'],
])('readConfig refuses the file %s', (content, sentence) => {
  expect(() => readConfig({ ...withFile(content), env: {} })).toThrow(`Cannot start: ${sentence}`)
})

test('readConfig takes what is empty in the file as absent, and a list as one', () => {
  const content = '{"host":"","dataDir":"","trustedProxies":["10.0.0.1","10.0.0.2"]}'
  expect(readConfig({ ...withFile(content), env: {} })).toMatchObject({
    host: '127.0.0.1',
    dataDir: '.stead',
    trustedProxies: ['10.0.0.1', '10.0.0.2'],
  })
})

test('readConfig says of a file that cannot be read why', () => {
  const inside = join(folder, 'with-folder')
  mkdirSync(join(inside, 'stead.config.json'), { recursive: true })
  const sentence = 'Cannot start: stead.config.json cannot be read (EISDIR)'
  expect(() => readConfig({ folder: inside, env: {} })).toThrow(sentence)
})
