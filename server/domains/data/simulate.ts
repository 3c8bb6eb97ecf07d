/** Asking as somebody else: how owners look at their data through their policies. */
import { ANONYMOUS, type Identity, identityOf } from '#db/identity'

/** The identity of nobody, or of the user with this id. */
export function simulatedIdentity(as: 'anon' | { userId: string }): Identity {
  if (as === 'anon') return ANONYMOUS
  return identityOf('authenticated', { role: 'authenticated', sub: as.userId })
}
