/** Where the Deno binary is. */
import { createRequire } from 'node:module'
import { unavailable } from '#core/errors'

const require = createRequire(import.meta.url)

/**
 * The binary of the package that npm chose for this platform.
 * @throws `unavailable` deno_missing
 */
export function findDeno(): string {
  const system = process.platform === 'linux' ? 'linux-%-glibc' : `${process.platform}-%`
  const name = `@deno/${system.replace('%', process.arch)}`
  try {
    return require.resolve(`${name}/${process.platform === 'win32' ? 'deno.exe' : 'deno'}`)
  } catch (cause) {
    const message = `Cannot run functions: the package ${name} is not installed`
    throw unavailable('deno_missing', message, {
      cause,
      hint: 'Run npm ci without --omit=optional',
    })
  }
}
