#!/usr/bin/env node
// The `stead` command. Plain JavaScript, so that an old Node can at least say what it lacks.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LEAST_NODE = 24

if (Number(process.versions.node.split('.')[0]) >= LEAST_NODE) {
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
} else {
  restartWithOwnNode()
}

/** npm puts a new enough Node beside the dependencies where there is one for the platform. */
function restartWithOwnNode() {
  const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (process.env.STEAD_OWN_NODE || !existsSync(own)) {
    console.error(
      `Stead needs Node ${LEAST_NODE} or newer: this is ${process.version}. Run "npm ci" in Stead's folder, which brings one, or install a newer Node`,
    )
    process.exit(1)
  }
  const { status, signal } = spawnSync(
    own,
    [fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      env: { ...process.env, STEAD_OWN_NODE: '1' },
    },
  )
  if (signal) process.kill(process.pid, signal)
  process.exit(status ?? 1)
}
