/** PostgreSQL clients that open in a way of their own. */
import type pg from 'pg'

type Connected = (error: Error) => void

/** Opens `client`; `connect` is what it would have done by itself. */
export type Opening = (client: pg.Client, connect: () => Promise<void>) => Promise<void>

/** A client that opens as `open` says, for who awaits a promise and for a pool, which gives a callback. */
export function clientOpening(Base: typeof pg.Client, open: Opening): typeof pg.Client {
  return class extends Base {
    override connect(): Promise<this>
    override connect(connected: Connected): void
    override connect(connected?: Connected): Promise<this> | undefined {
      const opening = this.#open()
      if (!connected) return opening
      // Without an error there is none: pg's own type says otherwise.
      opening.then(() => (connected as () => void)(), connected)
      return undefined
    }

    async #open(): Promise<this> {
      // The pool listens once this is done: until then an error without a listener would end the process.
      this.on('error', () => {})
      await open(this, async () => {
        await super.connect()
      })
      return this
    }
  }
}
