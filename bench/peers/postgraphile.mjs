/** PostGraphile 5 on grafserv with the presets that it recommends. */
import { createServer } from 'node:http'
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection'
import { jwtVerify } from 'jose'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { many } from './many.mjs'

const { DATABASE_URL, JWT_SECRET, CONNECTIONS } = process.env

const secret = new TextEncoder().encode(JWT_SECRET)

/** A token is verified once, as a server with a cache would. */
const known = new Map()

async function settingsOf(token) {
  const { payload } = await jwtVerify(token, secret, { algorithms: ['HS256'] })
  return { role: payload.role, 'request.jwt.claims': JSON.stringify(payload) }
}

function settingsFor(authorization = '') {
  const token = authorization.replace(/^bearer /i, '')
  if (!known.has(token)) known.set(token, settingsOf(token))
  return known.get(token)
}

const presetOf = (connectionString) => ({
  extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
  pgServices: [
    makePgService({
      connectionString,
      schemas: ['public'],
      poolConfig: { max: Number(CONNECTIONS) },
    }),
  ],
  // Lists as ours are, not connections, which would cost it more.
  schema: { defaultBehavior: '-connection +list', pgOmitListSuffix: true },
  grafserv: { graphiql: false, watch: false },
  grafast: {
    explain: false,
    context: async ({ node }) => ({
      pgSettings: await settingsFor(node?.req.headers.authorization),
    }),
  },
})

await many(async (port) => {
  const instance = postgraphile(presetOf(DATABASE_URL))
  const server = createServer()
  const served = instance.createServ(grafserv)
  await instance.getSchema()
  await served.addTo(server)
  server.listen(port, '127.0.0.1')
})
