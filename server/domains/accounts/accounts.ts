/** The people who build and the workspaces that own what they build. */
import type { Database } from '#db/database'
import {
  type Account,
  insertAccount,
  insertMember,
  insertWorkspace,
  selectWorkspacesOf,
  type Workspace,
} from './accounts.sql.ts'

export type { Account, Workspace } from './accounts.sql.ts'

export type Membership = { account: Account; workspace: Workspace }

export type NewMember = { email: string; name: string; workspace: string }

/** An account with a workspace of its own; what exists already is given back. */
export function registerAccount(
  platform: Database,
  { email, name, workspace }: NewMember,
): Promise<Membership> {
  return platform.transaction(async (tx) => {
    const account = await insertAccount(tx, { email: email.toLowerCase(), name })
    const owned = await insertWorkspace(tx, { slug: workspace, name: workspace })
    await insertMember(tx, owned.id, account.id)
    return { account, workspace: owned }
  })
}

export const workspacesOf = (platform: Database, accountId: string): Promise<Workspace[]> =>
  selectWorkspacesOf(platform.query, accountId)
