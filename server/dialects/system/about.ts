/** What the instance's own routes say of themselves. */
import { z } from 'zod'
import type { About } from '#http/about'

export type Words = 'public'

export const SYSTEM: About<Words> = {
  name: 'system',
  title: 'The instance',
  description: 'Health, the console and the pages that explain.',
  access: { public: { meaning: 'anybody', carriers: [] } },
  error: {
    name: 'SystemError',
    body: z.object({
      error: z.object({ code: z.string(), message: z.string(), remediation: z.string() }),
    }),
  },
}
