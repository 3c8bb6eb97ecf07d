/** @supabase/lite over PostgreSQL, embedded as its documentation says. */
import { serve } from '@hono/node-server'
import { App } from '@supabase/lite'
import { createPostgresConnection } from '@supabase/lite/postgres'
import { many } from './many.mjs'

const { DATABASE_URL, JWT_SECRET, CONNECTIONS } = process.env

const open = () =>
  new App({
    connection: createPostgresConnection({
      url: DATABASE_URL,
      postgresOptions: { max: Number(CONNECTIONS), onnotice() {} },
    }),
    auth: { enabled: true, jwt_secret: JWT_SECRET },
    options: { server: { apiKeys: false, admin: false } },
  })

async function provision() {
  const app = open()
  await app.init()
  await app.ensureSystemSchema()
  await app.connection.close()
}

await many(async (port) => {
  const app = open()
  await app.init()
  serve({
    fetch: (request) => app.fetch(request, { peerAddress: null }),
    port,
    hostname: '127.0.0.1',
  })
}, provision)
