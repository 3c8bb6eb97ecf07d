import type { Tx } from '#db/database'

export type SealedEnv = { id: string; env: string }

/** Of deleted functions too: deploying the name again revives them. */
export const selectSealedEnvs = (tx: Tx): Promise<SealedEnv[]> =>
  tx<SealedEnv>`select id, env from functions.functions where env is not null`

export type SealedSecret = { functionId: string; type: string; secret: string }

export const selectSealedSecrets = (tx: Tx): Promise<SealedSecret[]> =>
  tx<SealedSecret>`select function_id, type, secret from functions.triggers where secret is not null`

export const selectSealedAppEnvs = async (tx: Tx): Promise<string[]> =>
  (await tx<{ env: string }>`select env from functions.app_env where env is not null`).map(
    ({ env }) => env,
  )

/** Each only while it is still what was read: whoever changed it meanwhile sealed it anew. */
type Renewed = { old: string; renewed: string }

export async function updateSealedEnv(
  tx: Tx,
  { id, old, renewed }: Renewed & { id: string },
): Promise<void> {
  await tx`update functions.functions set env = ${renewed} where id = ${id} and env = ${old}`
}

export async function updateSealedSecret(
  tx: Tx,
  { functionId, type, old, renewed }: Renewed & { functionId: string; type: string },
): Promise<void> {
  await tx`update functions.triggers set secret = ${renewed}
    where function_id = ${functionId} and type = ${type} and secret = ${old}`
}

export async function updateSealedAppEnv(tx: Tx, { old, renewed }: Renewed): Promise<void> {
  await tx`update functions.app_env set env = ${renewed} where env = ${old}`
}
