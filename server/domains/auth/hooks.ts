/** Who wants to know that somebody signed up or in. */
import type { AppContext } from '#domains/apps'
import type { User } from './users.sql.ts'

export type SignInEvent = { event: 'signup' | 'login'; user: User }

export type SignInListener = (ctx: AppContext, event: SignInEvent) => void | Promise<void>

export class SignInHooks {
  readonly #listeners: SignInListener[] = []

  subscribe(listener: SignInListener): void {
    this.#listeners.push(listener)
  }

  /** Tells every listener and waits for none: their failure is logged and changes nothing. */
  afterSignIn(ctx: AppContext, event: SignInEvent): void {
    for (const listener of this.#listeners) {
      Promise.resolve()
        .then(() => listener(ctx, event))
        .catch((error: unknown) =>
          ctx.log.warn({ err: error, appId: ctx.app.id }, 'a listener of sign-ins failed'),
        )
    }
  }
}
