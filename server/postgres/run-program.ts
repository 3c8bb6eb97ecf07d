/** How programs of PostgreSQL are started: as the account, with nothing of our environment. */
import { execFile } from 'node:child_process'
import { dirname } from 'node:path'
import type { Account } from './account.ts'

/**
 * No secret of ours travels in the environment, and no PG* or LC_* setting of the user changes
 * what the programs do. The folder of the program is one that the account can enter for sure.
 */
export function programOptions(program: string, account: Account) {
  return {
    cwd: dirname(program),
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
    ...(account && { uid: account.uid, gid: account.gid }),
  }
}

/**
 * Runs a short program to its end.
 * @returns what it wrote to stdout
 * @throws Error with what it wrote to stderr when it fails
 */
export function runProgram(program: string, args: string[], account: Account): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, programOptions(program, account), (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${stderr || error.message}`, { cause: error }))
      else resolve(stdout)
    })
  })
}
