/** Hears what other processes changed, so that caches can forget it. */
import pg from 'pg'
import type { Log } from '#core/log'
import type { Secret } from '#core/secret'
import { driverUrl } from './driver-url.ts'

export type Listener = {
  /** Resolves once notifications arrive. */
  ready: Promise<void>
  /** Says so to every listener, over the connection that is there anyway; nothing while there is none. */
  notify(channel: string, payload: string): void
  close(): Promise<void>
}

export type ListenOptions = {
  url: Secret
  channels: readonly string[]
  onMessage(channel: string, payload: string): void
  /** Called when messages may have been missed: forget everything that came from this database. */
  onGap(): void
  log: Log
}

const RECONNECT_MS = 250

/** Listens on one connection, which is replaced when it breaks. */
export function listen(options: ListenOptions): Listener {
  const state: { client: pg.Client | undefined; closed: boolean; isTold: boolean } = {
    client: undefined,
    closed: false,
    isTold: false,
  }

  const connect = async (): Promise<void> => {
    const client = new pg.Client({
      connectionString: driverUrl(options.url),
      application_name: 'stead-listen',
      keepAlive: true,
    })
    client.on('error', () => {})
    client.on('notification', ({ channel, payload = '' }) => options.onMessage(channel, payload))
    await client.connect()
    try {
      for (const channel of options.channels)
        await client.query(`listen ${pg.escapeIdentifier(channel)}`)
    } catch (error) {
      await client.end()
      throw error
    }
    state.client = client
    state.isTold = false
    client.on('end', () => again())
    options.onGap()
    if (state.closed) await client.end()
  }

  const again = (): void => {
    state.client = undefined
    if (state.closed) return
    options.onGap()
    setTimeout(() => {
      if (state.closed) return
      connect().catch((error: unknown) => {
        if (!state.isTold)
          options.log.warn({ err: error }, 'cannot listen for changes, trying again')
        // A long outage is one line.
        state.isTold = true
        again()
      })
    }, RECONNECT_MS).unref()
  }

  return {
    ready: connect(),
    notify(channel, payload) {
      state.client?.query('select pg_notify($1, $2)', [channel, payload]).catch(() => {})
    },
    async close() {
      state.closed = true
      await state.client?.end()
    },
  }
}
