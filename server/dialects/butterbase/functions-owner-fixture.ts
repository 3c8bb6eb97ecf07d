/** What the owner of functions does with them, for the tests of their management. */
import { afterAll, beforeAll } from 'vitest'
import type { TestApp } from '#support/app'
import { type FunctionsFixture, json, startFunctions } from './functions-fixture.ts'

export let app: TestApp
export let fns: FunctionsFixture

export const look = async (name: string) => json(await app.owner.get(fns.one(name)))

export const call = async (name: string) => json(await app.nobody.get(fns.fn(name)))

/** Starts a Stead before the tests of a file, and ends it after them. */
export function useFunctions(): void {
  beforeAll(async () => {
    ;({ app, fns } = await startFunctions())
  })

  afterAll(() => app[Symbol.asyncDispose]())
}
