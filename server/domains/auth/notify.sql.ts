import type { Tx } from '#db/database'

/** Other processes that listen on the control database hear of an ended session. */
export async function notifySessionEnded(tx: Tx, payload: string): Promise<void> {
  await tx`select pg_notify('stead_sessions', ${payload})`
}
