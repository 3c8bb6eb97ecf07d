/** Shapes of answers that several routes share. */
import { z } from 'zod'

export const Time = z.iso.datetime()

/** A sentence for people. */
export const Message = z.string().describe('What was done, as a sentence')

export const AppId = z.string().describe('`app_…`')

const NextAction = z
  .object({ action: z.string(), description: z.string(), recommended: z.boolean() })
  .meta({ id: 'ButterbaseNextAction', description: 'What to do next' })

export const NextActions = z.array(NextAction)

export const Meta = z.object({ next_actions: NextActions })
