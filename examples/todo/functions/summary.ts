/** Counts the caller's own todos: the query runs as whoever called, so row security picks the rows. */
export default async function handler(_request: Request, ctx: Context): Promise<Response> {
  const { rows } = await ctx.db.query(
    'select count(*)::int as all, count(*) filter (where done)::int as done from todos',
  )
  return Response.json({ user: ctx.user?.id ?? null, ...rows[0] })
}

/** The part of a function's context that this one uses. */
type Context = {
  user: { id: string } | null
  db: { query(sql: string, params?: unknown[]): Promise<{ rows: Record<string, unknown>[] }> }
}
