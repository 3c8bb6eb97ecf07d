import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Described, type OpenApiDocument } from '#support/described'
import { MATRIX } from './matrix.ts'
import type { Line } from './matrix-words.ts'
import { EVERYBODY, type Scene, setScene, type Who } from './scene.ts'

let scene: Scene
/** In both versions. */
let described: readonly Described[]

beforeAll(async () => {
  scene = await setScene()
  described = await Promise.all(['3.0', '3.1'].map(documentOf))
}, 60_000)

afterAll(() => scene?.[Symbol.asyncDispose]())

async function documentOf(version: string): Promise<Described> {
  const res = await scene.app.nobody.get(`/openapi.json?version=${version}`)
  return new Described((await res.json()) as OpenApiDocument)
}

type Answered = { status: number; wrong: string | undefined }

/** What one caller is answered, and what of it is not as the document says. */
async function ask(name: string, line: Line, who: Who): Promise<Answered> {
  const [method = '', path = ''] = name.split(' ')
  const sent = (await line.send?.(scene, who)) ?? {}
  const client = sent.token === undefined ? scene.as(who) : scene.app.as(sent.token)
  const target = sent.path ?? path.replace('{app_id}', scene.appId)
  const verb = method === 'ALL' ? 'GET' : method
  const res = await client.request(verb, target, sent.body, sent.headers)
  const copies = described.map((_, at) => (at === 0 ? res : res.clone()))
  const all = await Promise.all(
    described.map((one, at) => one.wrongIn({ method: verb, path }, copies[at] ?? res)),
  )
  return { status: res.status, wrong: all.find((one) => one !== undefined) }
}

test('every route has a line, and every line a route', () => {
  const routes = scene.app.instance.router.routes
  const names = new Set(routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`))
  expect([...names].filter((name) => !(name in MATRIX))).toEqual([])
  expect(Object.keys(MATRIX).filter((name) => !names.has(name))).toEqual([])
})

describe.each(Object.entries(MATRIX))('%s', (name, line) => {
  test('answers each kind of caller as the contract and the OpenAPI document say', async () => {
    const answered: Record<string, number> = {}
    const undescribed: Record<string, string> = {}
    const expected: Record<string, number> = {}
    for (const who of EVERYBODY) {
      const wanted = [line.answers[who]].flat() as number[]
      const { status, wrong } = await ask(name, line, who)
      if (wrong !== undefined) undescribed[who] = wrong
      answered[who] = status
      expected[who] = wanted.includes(status) ? status : (wanted[0] ?? 0)
    }
    expect(answered).toEqual(expected)
    expect(undescribed).toEqual({})
  })
})
