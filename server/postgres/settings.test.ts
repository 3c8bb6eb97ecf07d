import { expect, test } from 'vitest'
import { serverSettings } from './settings.ts'

const GIB = 1024 ** 3
const input = {
  port: 5432,
  socketDir: '/s',
  memoryBytes: 8 * GIB,
  maxConnections: 50,
  durable: true,
  clusterName: 'c',
}

test.each([
  [0.5, '32MB', '4MB'],
  [8, '128MB', '4MB'],
  [24, '384MB', '12MB'],
  [512, '1024MB', '32MB'],
])('serverSettings sizes caches to %s GiB within bounds', (gib, shared, work) => {
  expect(serverSettings({ ...input, memoryBytes: gib * GIB })).toMatchObject({
    shared_buffers: shared,
    work_mem: work,
  })
})

test('serverSettings gives up durability only when told to', () => {
  const names = ['fsync', 'full_page_writes', 'synchronous_commit']
  const values = (durable: boolean) =>
    names.map((name) => serverSettings({ ...input, durable })[name])

  expect(values(true)).toEqual(['on', 'on', 'on'])
  expect(values(false)).toEqual(['off', 'off', 'off'])
})

test('serverSettings listens on loopback only and logs no statement', () => {
  expect(serverSettings(input)).toMatchObject({
    listen_addresses: '127.0.0.1',
    log_statement: 'none',
    log_min_error_statement: 'panic',
    log_parameter_max_length: '0',
    log_error_verbosity: 'terse',
  })
})
