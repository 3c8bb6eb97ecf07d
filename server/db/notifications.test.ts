import pino from 'pino'
import { expect, inject, test } from 'vitest'
import { Secret } from '#core/secret'
import { openDatabase } from './database.ts'
import { listen } from './notifications.ts'

test('a listener comes back by itself after an outage, of which the log has one line', async () => {
  const admin = openDatabase(new Secret(inject('clusterUrl')), { max: 1 })
  const role = `listener_${process.pid}`
  const as = (text: string) => admin.batch([{ text, values: [] }])
  await as(`create role ${role} login password 'x'`)
  const url = new URL(inject('clusterUrl'))
  url.username = role
  url.password = 'x'
  const lines: string[] = []
  const heard: string[] = []
  let gaps = 0
  const listener = listen({
    url: new Secret(url.href),
    channels: ['news'],
    onMessage: (channel, payload) => heard.push(`${channel} ${payload}`),
    onGap: () => void gaps++,
    log: pino({}, { write: (line: string) => void lines.push(line) }),
  })
  await listener.ready
  await as(`alter role ${role} nologin`)
  await as(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`)
  await expect.poll(() => gaps, { timeout: 5_000 }).toBeGreaterThan(4)
  await as(`alter role ${role} login`)
  const tell = () => {
    listener.notify('news', 'of itself')
    return heard
  }
  await expect.poll(tell, { timeout: 5_000 }).toContain('news of itself')
  expect(lines.length).toBe(1)
  await listener.close()
  await as(`drop role ${role}`)
  await admin.close()
})
