/** Cancel requests, as they are on the way to the server. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '#core/secret'
import {
  type EncryptedCluster,
  hasOpenssl,
  startEncryptedCluster,
  UNLESS_OPENSSL,
} from '#support/encryption'
import { openDatabase } from './database.ts'

let cluster: EncryptedCluster

beforeAll(async () => {
  if (hasOpenssl) cluster = await startEncryptedCluster('localhost')
})

afterAll(() => cluster?.stop())

type Door = AsyncDisposable & {
  url(query: string): Secret
  /** The first bytes that came over each connection, and with TLS that ends here what was in it. */
  came: Buffer[]
}

/** What happens to a cancel request: let through, or met by somebody in between. */
type Meeting = (near: Socket, came: (bytes: Buffer) => void) => void

/** A way to the server on which everything is seen; who comes `second` is the cancel request. */
async function doorTo(second: Meeting): Promise<Door> {
  const came: Buffer[] = []
  let connections = 0
  const server = createServer((near) => {
    const at = connections++
    const note = (bytes: Buffer): void => {
      came[at] = Buffer.concat([came[at] ?? Buffer.alloc(0), bytes]).subarray(0, 4_096)
    }
    near.on('data', note)
    near.on('error', () => {})
    if (at === 0) letThrough(near, note)
    else second(near, note)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(cluster.postgres.urlOf('postgres').reveal())
  url.hostname = 'localhost'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: (query) => new Secret(url.href + query),
    came,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

const letThrough: Meeting = (near) => {
  const far = connect(cluster.postgres.port, '127.0.0.1')
  far.on('error', () => near.destroy())
  far.on('close', () => near.end())
  near.on('close', () => far.destroy())
  near.pipe(far).pipe(near)
}

const refusingTls: Meeting = (near) => {
  near.once('data', () => near.write('N'))
}

const endingWith =
  (answer: string): Meeting =>
  (near) => {
    near.once('data', () => near.end(answer))
  }

/** Has a certificate of the right name, which nobody trusts. */
const inTheMiddle: Meeting = (near, came) => {
  near.once('data', () => {
    near.removeAllListeners('data')
    near.write('S')
    const secureContext = createSecureContext({
      key: readFileSync(cluster.foreign.keyFile),
      cert: readFileSync(cluster.foreign.certificateFile),
    })
    const asking = { isServer: true, requestCert: true, rejectUnauthorized: false }
    const inside = new TLSSocket(near, { ...asking, secureContext })
    inside.on('secure', () => came(Buffer.from(`shown ${ownerOf(inside)}`)))
    inside.on('data', (bytes: Buffer) => came(Buffer.concat([Buffer.from('inside'), bytes])))
    inside.on('error', () => near.destroy())
  })
}

/** Of the certificate that the other side has shown. */
const ownerOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject?.CN)

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const CANCEL_REQUEST = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46])
const CLIENT_HELLO = 0x16

/** A statement that nobody waits for, and one behind it; how the first ended. */
async function leave(url: Secret, seconds: number): Promise<unknown> {
  const database = openDatabase(url, { max: 1, sessions: 1 })
  await database.batch([{ text: 'select 1', values: [] }])
  const sleep = { text: `select pg_sleep(${seconds})`, values: [] }
  const left = database.batch([sleep], { isAbandoned: () => true }).then(
    () => 'finished',
    (error: { code?: string }) => error.code,
  )
  const after = await database.batch([{ text: `select 'after'`, values: [] }])
  expect(after[0]?.rows).toEqual([['after']])
  await database.close()
  return left
}

test.skipIf(!hasOpenssl).each([
  ['require', () => '?sslmode=require'],
  ['prefer', () => '?sslmode=prefer'],
  ['verify-ca', () => `?sslmode=verify-ca&sslrootcert=${cluster.own.certificateFile}`],
  ['verify-full, by name', () => `?sslmode=verify-full&sslrootcert=${cluster.own.certificateFile}`],
])(
  `a cancel request is encrypted like the connection: sslmode %s${UNLESS_OPENSSL}`,
  async (_, query) => {
    await using door = await doorTo(letThrough)
    expect(await leave(door.url(query()), 20)).toBe('57014')
    expect(door.came).toHaveLength(2)
    for (const bytes of door.came) {
      expect(bytes.subarray(0, 8)).toEqual(SSL_REQUEST)
      expect(bytes[8]).toBe(CLIENT_HELLO)
      expect(bytes.includes(CANCEL_REQUEST)).toBe(false)
    }
  },
)

test.skipIf(!hasOpenssl)(
  `a cancel request begins with TLS where the connection did${UNLESS_OPENSSL}`,
  async () => {
    await using door = await doorTo(letThrough)
    const query = `?sslnegotiation=direct&sslmode=verify-full&sslrootcert=${cluster.own.certificateFile}`
    expect(await leave(door.url(query), 20)).toBe('57014')
    expect(door.came.map(([first]) => first)).toEqual([CLIENT_HELLO, CLIENT_HELLO])
  },
)

test.skipIf(!hasOpenssl)(
  `a cancel request without TLS is the request alone${UNLESS_OPENSSL}`,
  async () => {
    await using door = await doorTo(letThrough)
    expect(await leave(door.url(''), 20)).toBe('57014')
    expect(door.came[1]).toHaveLength(16)
    expect(door.came[1]?.subarray(0, 8)).toEqual(CANCEL_REQUEST)
  },
)

describe.skipIf(!hasOpenssl).concurrent(`somebody in between${UNLESS_OPENSSL}`, () => {
  test.each([
    ['offers no TLS', refusingTls, '?sslmode=require'],
    ['offers no TLS, though it was only preferred', refusingTls, '?sslmode=prefer'],
    ['answers with an error', endingWith('E'), '?sslmode=require'],
    ['hangs up', endingWith(''), '?sslmode=require'],
  ])(
    `a cancel request is not sent in the clear to who %s, and the connection goes on`,
    async (_, met, query) => {
      await using door = await doorTo(met)
      expect(await leave(door.url(query), 1)).toBe('finished')
      expect(door.came[1]).toEqual(SSL_REQUEST)
    },
  )

  test(`a cancel request is not sent to who has another certificate than is asked for`, async () => {
    const query = `?sslmode=verify-full&sslrootcert=${cluster.own.certificateFile}`
    await using door = await doorTo(inTheMiddle)
    expect(await leave(door.url(query), 1)).toBe('finished')
    expect(door.came[1]?.includes('inside')).toBe(false)
    expect(door.came[1]?.includes('shown')).toBe(false)
  })

  test('a cancel request shows our certificate as the connection does', async () => {
    await using door = await doorTo(inTheMiddle)
    const query = `?sslmode=require&sslcert=${cluster.own.certificateFile}&sslkey=${cluster.own.keyFile}`
    expect(await leave(door.url(query), 1)).toBe('finished')
    expect(door.came[1]?.includes('shown localhost')).toBe(true)
    expect(door.came[1]?.includes(CANCEL_REQUEST)).toBe(true)
  })
})
