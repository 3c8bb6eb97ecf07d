/** What Butterbase's routes say of themselves. */
import { z } from 'zod'
import type { About } from '#http/about'
import type { AuthScopes } from './auth-guards.ts'
import type { Scopes } from './guards.ts'

const OWNER = { carriers: ['bearer'], example: 'PLATFORM_KEY' } as const

export const BUTTERBASE: About<keyof Scopes> = {
  name: 'butterbase',
  title: 'Butterbase',
  description:
    'The platform and the data plane: make and configure apps, describe their tables, read and write rows, deploy functions.',
  access: {
    public: { meaning: 'anybody; credentials are not looked at', carriers: [] },
    anyone: {
      meaning: 'anybody, but a credential that is not good is refused',
      carriers: ['bearer'],
      optional: true,
    },
    account: { ...OWNER, meaning: 'an account, by platform key or session' },
    builder: { ...OWNER, meaning: 'an account, or a platform key limited to some apps' },
    owner: {
      meaning: 'whoever manages the app: its owner’s account, or a service key of the app',
      carriers: ['bearer'],
      example: 'SERVICE_KEY',
    },
    visitor: {
      meaning: 'whoever may address the app: nobody in particular, its users, its keys, its owner',
      carriers: ['bearer'],
      optional: true,
      example: 'SERVICE_KEY',
    },
    function: {
      meaning:
        'whom the function’s trigger lets in; a credential that is not good for the app counts as none',
      carriers: ['bearer'],
      optional: true,
    },
  },
  refusesEmptyJson: true,
  error: {
    name: 'ButterbaseError',
    body: z.object({
      error: z.object({
        code: z.string().describe('The error in capitals, such as `RESOURCE_NOT_FOUND`'),
        message: z.string().describe('What is wrong'),
        remediation: z.string().describe('What to do'),
        documentation_url: z.url().describe('Where the code is explained'),
        details: z.unknown().optional(),
      }),
    }),
  },
}

/** Under /auth errors look different. */
export const BUTTERBASE_SIGN_IN: About<keyof AuthScopes> = {
  name: 'butterbase',
  title: 'Butterbase: sign-in',
  description: 'Sign-up, sign-in and tokens of an app’s users.',
  access: {
    arrival: { meaning: 'anybody; credentials are not looked at', carriers: [] },
    self: {
      meaning: 'a user of the app, by access token',
      carriers: ['bearer'],
      example: 'USER_TOKEN',
    },
  },
  error: {
    name: 'ButterbaseSignInError',
    body: z.object({
      error: z.union([z.string(), z.record(z.string(), z.unknown())]).describe('What is wrong'),
      details: z.unknown().optional(),
    }),
  },
}
