/** Short ways to deploy and call functions in tests. */
import { expect } from 'vitest'
import { startApp, type TestApp } from '#support/app'
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

/** A whole Stead in which people may sign in as often as they like. */
export async function startFunctions(): Promise<{ app: TestApp; fns: FunctionsFixture }> {
  const app = await startApp({ env: { STEAD_SIGN_IN_RATE_LIMITS: 'off' } })
  return { app, fns: functionsOf(app) }
}

/** Two users, and `notes`: one of each and one for everybody. */
export async function startNotes(app: TestApp, fns: FunctionsFixture) {
  await app.sql(NOTES_SQL)
  const ada = await fns.user()
  const bob = await fns.user()
  const insert = 'insert into public.notes (owner, text, everyone) values ($1, $2, $3)'
  await app.sql(insert, [ada.id, 'of ada', false])
  await app.sql(insert, [bob.id, 'of bob', false])
  await app.sql(insert, [null, 'of all', true])
  return { ada, bob }
}

/** A trigger through which everybody may call. */
export const OPEN = { type: 'http', config: { auth: 'none' } }

export const json = async (res: Response) => (await res.json()) as Record<string, unknown>

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
      const body = { name, code, trigger: OPEN, ...more }
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

export const HELLO = handler(`return Response.json({ message: 'Hello!' })`)

/** Notes of which everybody sees their own; `everyone` marks what anon may see. */
const NOTES_SQL = `
  create table public.notes (id serial primary key, owner uuid, text text not null, everyone boolean not null default false);
  alter table public.notes enable row level security;
  grant select, insert, update, delete on public.notes to anon, authenticated, service_role;
  grant usage on sequence public.notes_id_seq to anon, authenticated, service_role;
  create policy own on public.notes to butterbase_user using (owner::text = public.current_user_id());
  create policy open on public.notes for select to butterbase_anon using (everyone)`
