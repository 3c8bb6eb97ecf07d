/** A function for the tests of `ctx.db`. */

/** Runs the body of the request as the body of a handler: `ctx` and `req` are there, the result is JSON. */
export const RUN = `const AsyncFunction = (async () => {}).constructor as any
export default async function handler(req: Request, ctx: any) {
  const { code, args } = await req.json()
  try {
    const value = await new AsyncFunction('ctx', 'args', code)(ctx, args)
    return Response.json({ value }, { headers: { 'content-type': 'application/json' } })
  } catch (error) {
    return Response.json({ error: error.message, code: error.code })
  }
}`
