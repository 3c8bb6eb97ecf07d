import { invalid } from '#core/errors'

/** What is wrong with a function somebody wants to deploy. */
export const invalidFunction = (message: string, details?: unknown) =>
  invalid('invalid_function', message, {
    details,
    hint: 'Correct the function as the message says and deploy it again.',
  })
