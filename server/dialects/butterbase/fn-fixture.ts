/** Notes of two users and a function that reads them, for the tests of calls. */
import { afterAll, beforeAll } from 'vitest'
import type { TestApp } from '#support/app'
import type { Client } from '#support/client'
import { type FunctionsFixture, handler, startFunctions, startNotes } from './functions-fixture.ts'

export let app: TestApp
export let fns: FunctionsFixture
export let ada: Client & { id: string }
export let bob: Client & { id: string }

/** A handler that gives the notes its caller sees. */
export const NOTES = handler(
  `const { rows } = await ctx.db.query('select text from notes order by text')
   return Response.json({ texts: rows.map((row) => row.text), user: ctx.user, caller: ctx.caller })`,
)

/** Starts a Stead with notes before the tests of a file, and ends it after them. */
export function useNotes(): void {
  beforeAll(async () => {
    ;({ app, fns } = await startFunctions())
    ;({ ada, bob } = await startNotes(app, fns))
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
