import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '#support/client'
import { startApp, type TestApp } from '#support/app'
import { missingExtension } from '#support/extensions'

let app: TestApp
let service: Client

const T = '/api/v1/tables'

beforeAll(async () => {
  app = await startApp()
  service = app.as(app.serviceKey)
})

afterAll(() => app[Symbol.asyncDispose]())

type Row = Record<string, unknown>

const refusal = async (asked: Promise<Response>) => {
  const res = await asked
  const { code, error } = (await res.json()) as { code: string; error: string }
  return [res.status, code, error]
}

const point = (x: number, y: number) => ({ type: 'Point', coordinates: [x, y] })

const square = (from: number, to: number) => ({
  type: 'Polygon',
  coordinates: [
    [
      [from, from],
      [to, from],
      [to, to],
      [from, to],
      [from, from],
    ],
  ],
})

const json = (value: object) => encodeURIComponent(JSON.stringify(value))

test('without PostGIS, a shape as filter says that the column holds none; JSON with a type is only JSON', async () => {
  await app.sql(`create table public.notes (id int primary key, facts jsonb);
    grant all on public.notes to service_role`)
  const made = await service.post(`${T}/notes`, { id: 1, facts: { type: 'Point' } })
  expect(await made.json()).toEqual({ id: 1, facts: { type: 'Point' } })
  expect(await refusal(service.get(`${T}/notes?facts=st_within.${json(point(1, 1))}`))).toEqual([
    400,
    'INVALID_INPUT',
    expect.stringMatching(/PostGIS/),
  ])
})

const missing = await missingExtension('postgis')

describe.skipIf(missing !== undefined)(`with PostGIS (${missing ?? 'installed'})`, () => {
  beforeAll(async () => {
    await app.sql(`create schema gis; create extension postgis schema gis;
      grant usage on schema gis to anon, authenticated, service_role;
      create table public.places (id int primary key, name text, at gis.geometry(Point, 4326),
        globe gis.geography(Point, 4326), loose gis.geometry, flat gis.geometry(Point, 3857), facts jsonb);
      grant all on public.places to service_role`)
    for (const [id, name, x, y] of [
      [1, 'near', 1, 1],
      [2, 'far', 10, 10],
      [3, 'edge', 2, 0],
    ] as const) {
      const at = point(x, y)
      const row = { id, name, at, globe: at, loose: at, facts: { type: 'Point' } }
      const res = await service.post(`${T}/places`, row)
      expect([res.status, await res.json()]).toEqual([201, { ...row, flat: null }])
    }
    await app.sql(`update public.places set flat = gis.st_transform(at, 3857)`)
    await app.sql(`update public.places set loose = gis.st_setsrid(loose, 0) where id = 2`)
  })

  const names = async (query: string) => {
    const res = await service.get(`${T}/places?select=name&order=id&${query}`)
    const body = (await res.json()) as Row[]
    expect([query, res.status, body]).toEqual([query, 200, expect.any(Array)])
    return body.map(({ name }) => name)
  }

  test('shapes come as GeoJSON, whatever the type of their column', async () => {
    const [row] = (await (
      await service.get(`${T}/places?id=eq.1&select=at,globe,loose,places:name`)
    ).json()) as Row[]
    expect(row).toEqual({ at: point(1, 1), globe: point(1, 1), loose: point(1, 1), places: 'near' })
  })

  test.each(['at', 'globe', 'loose', 'flat'])('filters by shape on %s', async (column) => {
    const box = json(square(0, 5))
    expect(await names(`${column}=st_within.${box}`)).toEqual(['near'])
    expect(await names(`${column}.st_intersects=${box}`)).toEqual(['near', 'edge'])
    expect(await names(`${column}=not.st_intersects.${box}`)).toEqual(['far'])
    expect(await names(`${column}=st_touches.${box}`)).toEqual(['edge'])
    expect(await names(`or=(${column}.st_within.${box},name.eq.far)`)).toEqual(['near', 'far'])
    expect(await names(`${column}=st_contains.${json(point(10, 10))}&name=eq.near`)).toEqual([])
    for (const operator of ['st_crosses', 'st_overlaps']) {
      expect(await names(`${column}=${operator}.${box}`)).toEqual([])
    }
  })

  test.each(['at', 'globe', 'loose'])(
    '%s is compared as a shape, in every spelling',
    async (column) => {
      const near = json(point(1, 1))
      const rest = (query: string) => `/rest/v1/places?select=name&order=id&${query}`
      const rows = (query: string) => `/v1/${app.appId}/places?select=name&order=id&${query}`
      for (const [query, found] of [
        [`${column}=eq.${near}`, ['near']],
        [`${column}=neq.${near}`, ['far', 'edge']],
        [`${column}=eq.${json(point(7, 7))}`, []],
      ] as const) {
        expect(await names(query)).toEqual(found)
        for (const path of [rest(query), rows(query)]) {
          const res = await service.get(path)
          expect([path, res.status, await res.json()]).toEqual([
            path,
            200,
            found.map((name) => ({ name })),
          ])
        }
      }
      const at = (text: string) => `"${column === 'loose' ? '' : 'SRID=4326;'}POINT(${text})"`
      const any = encodeURIComponent(`{${at('7 7')},${at('1 1')}}`)
      const list = encodeURIComponent(`${at('1 1')},${at('2 0')}`)
      for (const [query, found] of [
        [`${column}=eq(any).${any}`, ['near']],
        [`${column}=in.(${list})`, ['near', 'edge']],
        [`${column}=isdistinct.${near}`, ['far', 'edge']],
        [`${column}=ov.${json(square(0, 5))}`, ['near', 'edge']],
      ] as const) {
        const res = await service.get(rest(query))
        expect([query, res.status, await res.json()]).toEqual([
          query,
          200,
          found.map((name) => ({ name })),
        ])
      }
      const shapeless = await service.get(rest(`${column}=eq.nothing`))
      expect(shapeless.status).toBe(400)
    },
  )

  test('st_dwithin counts metres on the globe and the units of the plane', async () => {
    expect(await names(`globe=st_dwithin.200000,${json(point(0, 0))}`)).toEqual(['near'])
    expect(await names(`at=st_dwithin.2,${json(point(0, 0))}`)).toEqual(['near', 'edge'])
    const res = await service.post(`${T}/places/query`, {
      select: 'name',
      filters: [
        { column: 'at', operator: 'st_within', value: square(0, 5) },
        { column: 'at', operator: 'st_dwithin', value: `2,${JSON.stringify(point(0, 0))}` },
      ],
    })
    expect(await res.json()).toEqual([{ name: 'near' }])
  })

  test('what is no shape is refused before PostGIS sees it, and never a fault of ours', async () => {
    for (const operand of [
      'nothing',
      '{"type":"Point"}',
      '{"type":"Circle","coordinates":[1,1]}',
      '{"type":"Point","coordinates":["a",1]}',
      '{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}',
      '{"type":"LineString","coordinates":[[0,0]]}',
      '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,5]]]}',
      '{"type":"Polygon","coordinates":[]}',
      '{"type":"GeometryCollection","geometries":[{"type":"Point"}]}',
    ]) {
      for (const column of ['at', 'globe', 'loose', 'flat']) {
        const res = await service.get(
          `${T}/places?${column}=st_intersects.${encodeURIComponent(operand)}`,
        )
        expect([operand, column, [200, 400].includes(res.status)]).toEqual([operand, column, true])
      }
    }
    for (const operand of [
      '-1,{"type":"Point","coordinates":[1,1]}',
      '5',
      'x,{}',
      '{"type":"Point"}',
    ]) {
      expect(
        (
          await refusal(service.get(`${T}/places?at=st_dwithin.${encodeURIComponent(operand)}`))
        ).slice(0, 2),
      ).toEqual([400, 'INVALID_INPUT'])
    }
    expect((await service.get(`${T}/places?at=st_distance.1`)).status).toBe(400)
    expect(await refusal(service.post(`${T}/places`, { id: 9, at: { type: 'Point' } }))).toEqual([
      400,
      'INVALID_INPUT',
      "Invalid GeoJSON for column at: missing required 'coordinates' field",
    ])
    for (const at of [square(0, 1), 'words', { type: 'Polygon', coordinates: [[[0, 0]]] }]) {
      expect((await service.post(`${T}/places`, { id: 9, at })).status).toBe(400)
    }
  })
})
