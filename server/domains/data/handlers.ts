/** Functions of the database that write an answer as a media type of their own. */
import { notAcceptable } from '#core/errors'
import type { Catalog, Handler, Relation } from './catalog.ts'
import type { Plan, ReadPlan } from './plan.ts'
import type { Accept, Output } from './query.ts'
import { isScalar } from './routines.ts'

/** What a handler made, instead of a format of ours. */
export type HandledMedia = {
  /** `*` twice when the handler answers whatever is asked for. */
  type: string
  /** The body is hexadecimal digits. */
  binary: boolean
}

type Choice = { output: Output; media: HandledMedia | undefined }

/** @throws `not_acceptable` media_not_available */
export function chooseMedia(catalog: Catalog, plan: Plan): Choice {
  const output = 'options' in plan ? plan.options.output : plan.output
  const { accepts } = output
  if (!accepts) return { output, media: undefined }
  for (const accept of accepts) {
    const handler = handlerFor(catalog, plan, accept)
    if (handler) {
      const { mediaType: type, binary } = handler
      const format = output.format === 'none' ? 'none' : 'handled'
      return { output: { ...output, format, handler }, media: { type, binary } }
    }
    if (accept.known) return { output, media: undefined }
  }
  const names = accepts.map(({ type }) => type).join(', ')
  throw notAcceptable('media_not_available', `None of these media types are available: ${names}`)
}

export function withOutput(plan: Plan, output: Output): Plan {
  return 'options' in plan ? { ...plan, options: { ...plan.options, output } } : { ...plan, output }
}

/** The types that are ours alone to answer. */
const OURS = 'application/vnd.pgrst.'
const ANY = '*/*'

function handlerFor(catalog: Catalog, plan: Plan, { type }: Accept): Handler | undefined {
  if (type.startsWith(OURS)) return undefined
  const own = plan.kind === 'call' ? plan.routine.handles : undefined
  if (own && plan.kind === 'call' && (own.mediaType === type || own.mediaType === ANY)) {
    return { ...own, schema: plan.routine.schema, name: plan.routine.name, relation: null }
  }
  if (plan.kind === 'call' && isScalar(plan.routine)) return undefined
  return handlerOfRows(catalog, plan.read, type)
}

function handlerOfRows(catalog: Catalog, read: ReadPlan, type: string): Handler | undefined {
  const builtIn = type === catalog.geoJson?.mediaType ? catalog.geoJson : undefined
  if (catalog.handlers.length === 0) return builtIn
  const { relation } = read
  const specific = isWhole(read)
    ? catalog.handlers.filter((handler) => handler.relation && isOf(handler, relation))
    : []
  return (
    specific.find(({ mediaType }) => mediaType === ANY) ??
    specific.find(({ mediaType }) => mediaType === type) ??
    catalog.handlers.find((one) => one.relation === null && one.mediaType === type) ??
    builtIn
  )
}

const isOf = ({ relation }: Handler, { schema, name }: Relation): boolean =>
  relation?.schema === schema && relation.name === name

/** Rows as the table has them: what an aggregate over the table's rows takes. */
const isWhole = ({ items, groupBy }: ReadPlan): boolean =>
  items.length === 1 && items[0]?.kind === 'all' && groupBy === undefined
