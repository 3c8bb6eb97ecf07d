import { expect, test } from 'vitest'
import { parseFlags, usage } from './flags.ts'

test('parseFlags takes --flag value and --flag=value', () => {
  expect(parseFlags(['--port', '1', '--data-dir=/data', '--host', '::1'])).toEqual({
    port: '1',
    dataDir: '/data',
    host: '::1',
  })
})

test('parseFlags lets the last one win', () => {
  expect(parseFlags(['--port', '1', '--port', '2'])).toEqual({ port: '2' })
})

test('parseFlags answers a wish for help whatever stands beside it', () => {
  expect(parseFlags(['--help'])).toBe('help')
  expect(parseFlags(['--port', '1', '-h'])).toBe('help')
})

const LIST = 'stead start takes --host, --port, --data-dir, each with a value'

test.each([
  [['--prot', '1'], 'there is no flag --prot. Did you mean --port?'],
  [['--data', 'x'], 'there is no flag --data. Did you mean --data-dir?'],
  [['--dir=x'], 'there is no flag --dir. Did you mean --data-dir?'],
  [['-p', '1'], 'there is no flag -p. Did you mean --port?'],
  [['--verbose'], `there is no flag --verbose. ${LIST}`],
  [['now'], `"now" is not a flag. ${LIST}`],
  [['--', 'now'], `"now" is not a flag. ${LIST}`],
  [['--port'], '--port needs a value, such as --port 8080'],
  [['--port='], '--port needs a value, such as --port 8080'],
  [['--port', '--host', '::'], '--port needs a value, such as --port 8080'],
])('parseFlags refuses %j', (args, sentence) => {
  expect(() => parseFlags(args)).toThrow(`Cannot start: ${sentence}`)
})

test('usage names every flag with its default and its variable', () => {
  expect(usage()).toMatch(/--port +Port of the API.*\(default 8080; or STEAD_PORT\)/)
})
