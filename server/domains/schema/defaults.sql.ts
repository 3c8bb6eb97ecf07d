/** How PostgreSQL itself writes a default: the only safe way to tell whether two of them are the same. */
import { quoteIdent, raw } from '#db/sql'
import type { Owner } from './owner.sql.ts'

export type Probe = { type: string; expression: string }

const PROBE = quoteIdent('stead_probe')

/** The canonical text of each default, in the order given; nothing for one that is always null. */
export async function canonicalDefaults(
  { tx, run }: Owner,
  probes: readonly Probe[],
): Promise<(string | undefined)[]> {
  if (probes.length === 0) return []
  const columns = probes.map(
    ({ type, expression }, at) => `${quoteIdent(`c${at}`)} ${type} default (${expression})`,
  )
  await run(`create temporary table ${PROBE} (${columns.join(', ')})`)
  const rows = await tx<{ expression: string | null }>`
    select pg_get_expr(d.adbin, d.adrelid) as expression
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = 'pg_temp.stead_probe'::regclass and a.attnum > 0
    order by a.attnum`
  await tx`drop table pg_temp.${raw(PROBE)}`
  return rows.map(({ expression }) => expression ?? undefined)
}
