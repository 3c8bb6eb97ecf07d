/** Statements that let each user see and change their own rows only. */
import { quoteIdent, quoteLiteral } from '#db/sql'
import { derivedName } from './model.ts'
import { force, unforce } from './protect.sql.ts'

export type Isolation = { table: string; userColumn: string; userType: 'uuid' | 'text' }

export const isolationPolicyOf = (table: string): string => derivedName(table, '_user_isolation')

/** The policy for users, and the one for nobody in particular. */
export const publicReadPoliciesOf = (table: string): [string, string] => [
  derivedName(table, '_public_read_user'),
  derivedName(table, '_public_read_anon'),
]

const triggerOf = (table: string): string => derivedName(table, '_set_user_id_trigger')

const functionOf = (table: string): string => derivedName(table, '_set_user_id')

const on = (policy: string, table: string): string =>
  `${quoteIdent(policy)} ON ${quoteIdent(table)}`

export const forceRowSecurity = (table: string): string[] => [
  `ALTER TABLE ${quoteIdent(table)} ENABLE ROW LEVEL SECURITY`,
  force(table),
]

export const unprotect = (table: string): string[] => [
  unforce(table),
  `ALTER TABLE ${quoteIdent(table)} DISABLE ROW LEVEL SECURITY`,
]

export const dropPolicy = (policy: string, table: string): string =>
  `DROP POLICY IF EXISTS ${on(policy, table)}`

/** For users alone: what they read, change and leave behind is theirs. */
export function userIsolation({ table, userColumn, userType }: Isolation): string[] {
  const policy = isolationPolicyOf(table)
  const caller = userType === 'uuid' ? 'current_user_id()::uuid' : 'current_user_id()'
  const own = `${quoteIdent(userColumn)} = ${caller}`
  return [
    dropPolicy(policy, table),
    `CREATE POLICY ${on(policy, table)} FOR ALL TO butterbase_user USING (${own}) WITH CHECK (${own})`,
  ]
}

/** Users' inserts get the user's id whatever they send; the service's and nobody's stay as sent. */
export function userIdTrigger({ table, userColumn, userType }: Isolation): string[] {
  const caller = userType === 'uuid' ? 'public.current_user_id()::uuid' : 'public.current_user_id()'
  const body = `begin
  if current_user in ('authenticated', 'butterbase_user') then
    new.${quoteIdent(userColumn)} := ${caller};
  end if;
  return new;
end`
  const name = `${quoteIdent(functionOf(table))}()`
  return [
    `CREATE OR REPLACE FUNCTION ${name} RETURNS trigger LANGUAGE plpgsql AS ${quoteLiteral(body)}`,
    `REVOKE ALL ON FUNCTION ${name} FROM PUBLIC`,
    dropTrigger(table),
    `CREATE TRIGGER ${quoteIdent(triggerOf(table))} BEFORE INSERT ON ${quoteIdent(table)} FOR EACH ROW EXECUTE FUNCTION ${name}`,
  ]
}

const dropTrigger = (table: string): string =>
  `DROP TRIGGER IF EXISTS ${on(triggerOf(table), table)}`

export const dropUserIdFunction = (table: string): string =>
  `DROP FUNCTION IF EXISTS ${quoteIdent(functionOf(table))}()`

export const dropUserIdTrigger = (table: string): string[] => [
  dropTrigger(table),
  dropUserIdFunction(table),
]

/** Everybody may read the rows whose `column` is true. */
export function publicRead(table: string, column: string): string[] {
  const [user, anon] = publicReadPoliciesOf(table)
  const shown = `USING (${quoteIdent(column)} = true)`
  return [
    `CREATE POLICY ${on(user, table)} FOR SELECT TO butterbase_user ${shown}`,
    `CREATE POLICY ${on(anon, table)} FOR SELECT TO butterbase_anon ${shown}`,
  ]
}
