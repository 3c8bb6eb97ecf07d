/** Short ways to deploy and call functions in tests. */
import { expect } from 'vitest'
import type { TestApp } from '#support/app'
import type { Client } from '#support/client'

export type Logged = {
  method: string
  path: string
  statusCode: number
  duration: number
  error: string | null
  stack: string | null
  reason: string | null
  trigger: string
  consoleLogs: { level: string; message: string; timestamp: number }[]
}

export type FunctionsFixture = ReturnType<typeof functionsOf>

const PASSWORD = 'Correct horse 1!'

let made = 0

export function functionsOf(app: TestApp) {
  const base = `/v1/${app.appId}`
  const logs = async (name: string, query = ''): Promise<Logged[]> => {
    const res = await app.owner.get(`${base}/functions/${name}/logs${query}`)
    return ((await res.json()) as { logs: Logged[] }).logs
  }
  return {
    base,
    fn: (name: string) => `${base}/fn/${name}`,
    one: (name: string) => `${base}/functions/${name}`,
    logs,
    /** Deploys for everybody, unless told otherwise. */
    async deploy(name: string, code: string, more: object = {}) {
      const trigger = { type: 'http', config: { auth: 'none' } }
      const body = { name, code, trigger, ...more }
      const res = await app.owner.post(`${base}/functions`, body)
      const answer = (await res.json()) as Record<string, unknown>
      expect([res.status, answer]).toEqual([200, answer])
      return answer
    },
    /** The newest entry, once it is written. */
    async lastLog(name: string, query = ''): Promise<Logged> {
      await expect.poll(async () => (await logs(name, query)).length).toBeGreaterThan(0)
      const [newest] = await logs(name, query)
      return newest as Logged
    },
    /** Somebody who signed in to the app. */
    async user(): Promise<Client & { id: string }> {
      const email = `fn${++made}@example.com`
      await app.nobody.post(`/auth/${app.appId}/signup`, { email, password: PASSWORD })
      const res = await app.nobody.post(`/auth/${app.appId}/login`, { email, password: PASSWORD })
      const { access_token: token, user } = (await res.json()) as {
        access_token: string
        user: { id: string }
      }
      return { ...app.as(token), id: user.id }
    },
  }
}

export const errorOf = async (res: Response): Promise<Record<string, unknown>> =>
  ((await res.json()) as { error: Record<string, unknown> }).error

/** A handler of one expression. */
export const handler = (body: string): string =>
  `export default async function handler(req: Request, ctx: any) {\n${body}\n}`

/** Notes of which everybody sees their own; `everyone` marks what anon may see. */
export const NOTES_SQL = `
  create table public.notes (id serial primary key, owner uuid, text text not null, everyone boolean not null default false);
  alter table public.notes enable row level security;
  grant select, insert, update, delete on public.notes to anon, authenticated, service_role;
  grant usage on sequence public.notes_id_seq to anon, authenticated, service_role;
  create policy own on public.notes to butterbase_user using (owner::text = public.current_user_id());
  create policy open on public.notes for select to butterbase_anon using (everyone)`
