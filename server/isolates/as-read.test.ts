import { expect, test } from 'vitest'
import { asRead } from '../../runtime/as-read.ts'

const packed = (encoding: string): Response => {
  const headers = new Headers({ 'content-encoding': encoding, 'content-length': '9', 'x-own': '1' })
  headers.append('set-cookie', 'a=1')
  headers.append('set-cookie', 'b=2')
  return Object.defineProperty(new Response('plain', { status: 203, headers }), 'url', {
    value: 'https://example.com/',
  })
}

test.each(['gzip', 'br', 'GZIP'])(
  'a response that Deno has unpacked from %s no longer says that it is packed',
  async (encoding) => {
    const read = asRead(packed(encoding), new Headers())
    expect([read.status, read.url]).toEqual([203, 'https://example.com/'])
    expect([...read.headers.keys()].toSorted()).toEqual(
      expect.not.arrayContaining(['content-encoding', 'content-length']),
    )
    expect([read.headers.get('x-own'), read.headers.getSetCookie()]).toEqual(['1', ['a=1', 'b=2']])
    expect(await read.text()).toBe('plain')
  },
)

test.each([
  ['zstd', {}],
  ['gzip, br', {}],
  ['gzip', { 'accept-encoding': 'identity' }],
  ['gzip', { range: 'bytes=0-3' }],
])('a response in %s to %j, which Deno leaves as it is, stays', (encoding, asked) => {
  const response = packed(encoding)
  expect(asRead(response, new Headers(asked))).toBe(response)
})
