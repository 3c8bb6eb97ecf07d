import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MATRIX, type Line } from './matrix.ts'
import { EVERYBODY, type Scene, setScene, type Who } from './scene.ts'

let scene: Scene

beforeAll(async () => {
  scene = await setScene()
}, 60_000)

afterAll(() => scene?.[Symbol.asyncDispose]())

/** What one caller is answered, and what the line says. */
async function ask(name: string, line: Line, who: Who): Promise<number> {
  const [method = '', path = ''] = name.split(' ')
  const sent = (await line.send?.(scene, who)) ?? {}
  const client = sent.token === undefined ? scene.as(who) : scene.app.as(sent.token)
  const target = sent.path ?? path.replace('{app_id}', scene.appId)
  const verb = method === 'ALL' ? 'GET' : method
  const res = await client.request(verb, target, sent.body, sent.headers)
  await res.body?.cancel()
  return res.status
}

test('every route has a line, and every line a route', () => {
  const routes = scene.app.instance.router.routes
  const names = new Set(routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`))
  expect([...names].filter((name) => !(name in MATRIX))).toEqual([])
  expect(Object.keys(MATRIX).filter((name) => !names.has(name))).toEqual([])
})

describe.each(Object.entries(MATRIX))('%s', (name, line) => {
  test('answers each kind of caller as the contract says', async () => {
    const answered: Record<string, number> = {}
    const expected: Record<string, number> = {}
    for (const who of EVERYBODY) {
      const wanted = [line.answers[who]].flat() as number[]
      const status = await ask(name, line, who)
      answered[who] = status
      expected[who] = wanted.includes(status) ? status : (wanted[0] ?? 0)
    }
    expect(answered).toEqual(expected)
  })
})
