import { expect, test } from 'vitest'
import { startApp } from '#support/app'

const columnsOf = (rows: unknown): string[] => Object.keys((rows as object[])[0] ?? {})

test('a change of the schema by hand is seen by the reads that follow', async () => {
  await using app = await startApp()
  await app.sql('create table public.things (id int primary key)')
  await app.sql('insert into public.things values (1)')
  const service = app.as(app.serviceKey)
  const read = async () => columnsOf(await (await service.get('/rest/v1/things')).json())
  expect(await read()).toEqual(['id'])

  await app.sql("alter table public.things add column name text default 'x'")

  await expect.poll(read, { interval: 10, timeout: 500 }).toEqual(['id', 'name'])
  await app.sql('alter table public.things rename column name to title')
  expect((await service.get('/rest/v1/things?select=title')).status).toBe(200)
  expect((await service.get('/rest/v1/things?select=name')).status).toBe(400)
  await app.sql('drop table public.things')
  expect((await service.get('/rest/v1/things')).status).toBe(404)
})
