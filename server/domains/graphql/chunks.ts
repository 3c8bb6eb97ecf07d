import { Pieces } from '#core/pieces'
import { limitExceeded } from './limits.ts'

/** Of one answer about the schema; the usual question of clients comes to 30 MB for a thousand tables. */
const MAX_BYTES = 128 * 1024 * 1024

/** An answer about the schema, no longer than may be. */
export class Chunks extends Pieces {
  /** @throws `invalid` graphql_limit */
  override close(): this {
    super.close()
    if (this.bytes <= MAX_BYTES) return this
    throw limitExceeded(`the answer about the schema is larger than ${MAX_BYTES} bytes`)
  }
}
