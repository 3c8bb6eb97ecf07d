/** A part of an app's configuration with an address of its own: read whole, changed setting by setting. */
import { z } from 'zod'
import type { App, AppContext } from '#domains/apps'
import type { RouteTable } from '#http/routes'
import type { Scopes } from './guards.ts'
import { AppId } from './shapes.ts'

/** For a shape whose settings are all optional. */
export const isSomeGiven = (settings: object): boolean =>
  Object.values(settings).some((value) => value !== undefined)

export type ConfigPart<Shape extends z.ZodType, Answer extends z.ZodObject> = {
  /** Last word of the path. */
  name: string
  summary: { get: string; patch: string }
  /** Of a change; what is absent stays. */
  shape: Shape
  change: (ctx: AppContext, settings: z.output<Shape>) => Promise<App>
  /** The settings as they are. */
  answer: Answer
  toWire: (app: App) => z.input<Answer>
}

/** `GET` and `PATCH /v1/{app_id}/config/{name}`, which answer alike. */
export function addConfigPart<Shape extends z.ZodType, Answer extends z.ZodObject>(
  routes: RouteTable<Scopes>,
  { name, summary, shape, change, answer: settings, toWire }: ConfigPart<Shape, Answer>,
): void {
  const told = z.object({ app_id: AppId, ...settings.shape })
  const at = { path: `/v1/{app_id}/config/${name}`, access: 'owner', answer: told } as const
  const answer = (app: App) => ({ app_id: app.id, ...toWire(app) })
  routes
    .add({ ...at, method: 'get', summary: summary.get }, ({ c, ctx }) => c.json(answer(ctx.app)))
    .add(
      { ...at, method: 'patch', summary: summary.patch, body: shape },
      async ({ c, ctx, body }) => c.json(answer(await change(ctx, body as z.output<Shape>))),
    )
}
