/** What Fluxbase's routes say of themselves. */
import { z } from 'zod'
import type { About, Carrier } from '#http/about'
import type { Scopes } from './guards.ts'

const CARRIERS: readonly Carrier[] = ['bearer', 'serviceKey', 'clientKey', 'apikey']

export const FLUXBASE: About<keyof Scopes> = {
  name: 'fluxbase',
  title: 'Fluxbase',
  description: 'Tables, GraphQL and sign-in as the Fluxbase SDK speaks them.',
  namesAppByHeader: true,
  access: {
    public: { meaning: 'anybody; a credential only helps to find the app', carriers: [] },
    anyone: {
      meaning: 'anybody, but a credential that is not good is refused',
      carriers: CARRIERS,
      optional: true,
      example: 'SERVICE_KEY',
    },
    credential: {
      meaning: 'whoever shows a credential of the app; its anon key is enough',
      carriers: CARRIERS,
      example: 'ANON_KEY',
    },
    known: {
      meaning:
        'somebody in particular: who signed in to the app, a client key with the scope, or whoever manages the app',
      carriers: CARRIERS,
      example: 'USER_TOKEN',
    },
    user: {
      meaning: 'somebody who signed in to the app',
      carriers: ['bearer', 'apikey'],
      example: 'USER_TOKEN',
    },
    leaving: {
      meaning: 'somebody who signed in to the app, also when that session has ended',
      carriers: ['bearer', 'apikey'],
      example: 'USER_TOKEN',
    },
    builder: {
      meaning: 'whoever manages apps: a service key, or an account; each meets its own',
      carriers: ['bearer', 'serviceKey', 'apikey'],
      example: 'PLATFORM_KEY',
    },
    signed: {
      meaning: 'somebody who signed in to an app, a service key, or an account',
      carriers: ['bearer', 'serviceKey', 'apikey'],
      example: 'PLATFORM_KEY',
    },
    admin: {
      meaning: 'whoever manages the app: a service key of it, or its owner’s account',
      carriers: ['bearer', 'serviceKey', 'apikey'],
      example: 'SERVICE_KEY',
    },
  },
  error: {
    name: 'FluxbaseError',
    body: z.looseObject({
      error: z.string().describe('What is wrong'),
      code: z.string().describe('The same for programs, such as `NOT_FOUND`'),
      message: z.string().optional(),
      hint: z.string().optional().describe('What to do'),
      details: z.unknown().optional(),
      sqlstate: z.string().optional().describe('PostgreSQL’s own code'),
      retry_after: z.number().optional().describe('Seconds'),
      request_id: z.string().optional(),
    }),
  },
}
