import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { Budget, clientWithin } from './budget.ts'
import { clientWithoutSettings } from './login.ts'

test.each([
  ['within a budget', clientWithin(new Budget(10), 1000)],
  ['without settings', clientWithoutSettings(pg.Client)],
])('a client %s that is ended before anybody listens ends nothing else', async (_, Client) => {
  const client = new Client({ connectionString: inject('clusterUrl') })
  await client.connect()
  const ended = new Promise((resolve) => client.once('end', resolve))
  const other = new pg.Client({ connectionString: inject('clusterUrl') })
  await other.connect()
  const { processID: pid } = client as unknown as { processID: number }
  await other.query('select pg_terminate_backend($1)', [pid])
  await ended
  expect(client.listenerCount('error')).toBeGreaterThan(0)
  await other.end()
})
