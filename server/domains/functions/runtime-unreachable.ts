import { badGateway } from '#core/errors'

/** There is no process that could run a function; why is in the log, for whoever runs the server. */
export const runtimeUnreachable = (cause?: unknown) =>
  badGateway('runtime_unreachable', 'The function runtime cannot be started', {
    cause,
    retryAfter: 1,
    hint: 'Try again in a moment. If it stays, the log of the server says what keeps Deno from starting.',
  })
