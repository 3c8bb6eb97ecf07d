import type { Tx } from '#db/database'

export type Account = { id: string; email: string; name: string }

export type Workspace = { id: string; slug: string; name: string }

export async function insertAccount(
  tx: Tx,
  { email, name }: Omit<Account, 'id'>,
): Promise<Account> {
  const [row] = await tx<Account>`
    insert into accounts (email, name) values (${email}, ${name})
    on conflict (email) do update set email = excluded.email
    returning id, email, name`
  return row as Account
}

export async function insertWorkspace(
  tx: Tx,
  { slug, name }: Omit<Workspace, 'id'>,
): Promise<Workspace> {
  const [row] = await tx<Workspace>`
    insert into workspaces (slug, name) values (${slug}, ${name})
    on conflict (slug) do update set slug = excluded.slug
    returning id, slug, name`
  return row as Workspace
}

export async function insertMember(tx: Tx, workspaceId: string, accountId: string): Promise<void> {
  await tx`
    insert into members (workspace_id, account_id, role) values (${workspaceId}, ${accountId}, 'owner')
    on conflict do nothing`
}

/** The account's workspaces, the oldest membership first. */
export function selectWorkspacesOf(tx: Tx, accountId: string): Promise<Workspace[]> {
  return tx<Workspace>`
    select w.id, w.slug, w.name from workspaces w join members m on m.workspace_id = w.id
    where m.account_id = ${accountId} order by m.created_at, w.id`
}
