/** What the PostgREST routes say of themselves. */
import { z } from 'zod'
import type { About } from '#http/about'
import type { Scopes } from './guards.ts'

export const REST: About<keyof Scopes> = {
  name: 'rest',
  title: 'PostgREST',
  description:
    'Rows and functions as PostgREST and the data part of Supabase’s clients speak them.',
  namesAppByHeader: true,
  access: {
    visitor: {
      meaning: 'whoever may address the app: nobody in particular, its users, its keys, its owner',
      carriers: ['bearer', 'apikey'],
      optional: true,
      example: 'ANON_KEY',
    },
  },
  error: {
    name: 'RestError',
    body: z.object({
      code: z.string().describe('`PGRST…`, or PostgreSQL’s own code'),
      message: z.string(),
      details: z.unknown(),
      hint: z.string().nullable(),
    }),
  },
}
