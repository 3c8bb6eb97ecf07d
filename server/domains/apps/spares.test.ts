import { expect, test } from 'vitest'
import { startApp } from '#support/app'

const SPARES = `select datname from pg_database
  where starts_with(datname, 'stead_spare_') and shobj_description(oid, 'pg_database') = 'spare'`

test('a new app takes the spare database, with roles and passwords of its own, and another is made', async () => {
  await using app = await startApp({ env: { STEAD_SPARE_DATABASES: '1' } })
  const spares = async () => (await app.sql(SPARES)).map(({ datname }) => datname)
  await expect.poll(spares, { timeout: 10_000 }).toHaveLength(1)
  const before = await app.sql('select oid from pg_database where datname = $1', await spares())

  const { id, serviceKey } = await app.createApp()

  const after = await app.sql('select oid from pg_database where datname = $1', [id])
  expect(after).toEqual(before)
  const schema = { tables: { t: { columns: { id: { type: 'integer', primaryKey: true } } } } }
  const applied = await app.as(serviceKey).post(`/v1/${id}/schema/apply`, { schema })
  expect(applied.status).toBe(200)
  const inserted = await app.as(serviceKey).post(`/v1/${id}/t`, { id: 1 })
  expect(inserted.status).toBe(201)
  await expect.poll(spares, { timeout: 10_000 }).toHaveLength(1)
})

test('five new apps at once get five databases, spare or not', async () => {
  await using app = await startApp({ env: { STEAD_SPARE_DATABASES: '1' } })
  const made = await Promise.all(Array.from({ length: 5 }, () => app.createApp()))
  const names = made.map(({ id }) => id)
  const found = await app.sql('select datname from pg_database where datname = any($1)', [names])
  expect(found).toHaveLength(5)
})
