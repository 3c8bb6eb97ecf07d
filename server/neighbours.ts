/**
 * Processes of one instance share its clusters, and each may take more connections than the others leave. Whoever finds
 * none left says so, and the others give back what rests with them.
 */
import type { Listener } from '#db/notifications'
import type { Regions } from '#domains/apps'
import { randomToken } from '#core/ids'

export const SHORTAGE = 'stead_shortage'

export class Neighbours {
  readonly #regions: Regions
  /** What we say ourselves comes back to us. */
  readonly #self = randomToken(8)

  constructor(regions: Regions) {
    this.#regions = regions
  }

  /** From now on a shortage is told over this connection. */
  tellOver(listener: Listener): void {
    for (const region of this.#regions.names) {
      const budget = this.#regions.cluster(region)?.budget
      if (budget) budget.onRefused = () => listener.notify(SHORTAGE, `${this.#self} ${region}`)
    }
  }

  /** Another process has no connection to the cluster of a region. */
  heard(message: string): void {
    const at = message.indexOf(' ')
    if (message.slice(0, at) === this.#self) return
    this.#regions.cluster(message.slice(at + 1))?.budget.yieldResting()
  }
}
