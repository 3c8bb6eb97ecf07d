/**
 * App databases made in advance: giving one its name takes a tenth of the time that copying the
 * template takes (docs/decisions/0017). A spare is whole before it says so, and is taken by exactly one process.
 */
import { createHash } from 'node:crypto'
import { randomBase36 } from '#core/ids'
import type { Secret } from '#core/secret'
import type { Database } from '#db/database'
import {
  declareSpare,
  dropAppRoles,
  dropDatabase,
  lockSpares,
  renameSpare,
  selectReadySpare,
  selectUselessSpares,
  unlockSpares,
} from './cluster.sql.ts'

const FAMILY = 'stead_spare_'

export type SparesNeeds = {
  admin: Database
  /** Spares of another template are of no use. */
  template: string
  /** How many to keep; 0 makes none. */
  wanted: number
  /** Names of the login roles of a database. */
  rolesOf: (database: string) => { api: string; user: string; owner: string }
  /** Makes a whole app database with its roles. */
  make: (name: string) => Promise<void>
}

export class Spares {
  readonly #needs: SparesNeeds
  readonly #prefix: string
  #refilling: Promise<void> | undefined

  constructor(needs: SparesNeeds) {
    this.#needs = needs
    const hash = createHash('sha256').update(needs.template).digest('hex')
    this.#prefix = `${FAMILY}${hash.slice(0, 8)}_`
  }

  /** Turns a spare into the database `name`. @returns false when there was none */
  async take(name: string, password: (role: string) => Secret): Promise<boolean> {
    const { admin, rolesOf } = this.#needs
    const spare = await selectReadySpare(admin.query, this.#prefix)
    if (spare === undefined) return false
    const roles = { from: rolesOf(spare), to: rolesOf(name) }
    return renameSpare(admin, { spare, name, roles, password })
  }

  /** Makes what is missing, in the background; a failure only means that there is no spare. */
  refill(): void {
    if (this.#needs.wanted > 0) this.#refilling ??= this.#fill().finally(() => this.#rest())
  }

  #rest(): void {
    this.#refilling = undefined
  }

  async #fill(): Promise<void> {
    const { admin, wanted, make } = this.#needs
    await admin
      .session(async (client) => {
        if (!(await lockSpares(client))) return
        await this.#clear()
        if (wanted > 0 && (await selectReadySpare(admin.query, this.#prefix)) === undefined) {
          const name = `${this.#prefix}${randomBase36(8)}`
          await make(name)
          await declareSpare(admin, name)
        }
        await unlockSpares(client)
      })
      .catch(() => {})
  }

  /** Half-made ones, and those of another template. */
  async #clear(): Promise<void> {
    const { admin, rolesOf } = this.#needs
    for (const name of await selectUselessSpares(admin.query, FAMILY, this.#prefix)) {
      await dropDatabase(admin, name)
      await dropAppRoles(admin, rolesOf(name))
    }
  }

  async close(): Promise<void> {
    await this.#refilling
  }
}
