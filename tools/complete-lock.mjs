#!/usr/bin/env node
// Adds to package-lock.json the optional platform packages that npm left out because the registry it
// asked does not carry them: without them `npm ci` calls the lock file incomplete on every machine.
// Run it after each `npm install`: node tools/complete-lock.mjs
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('../package-lock.json', import.meta.url)
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const PROCESSORS = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
]

/** `[…]-linux-arm64-musl` names its system and its processor. */
function platformOf(name) {
  const words = name.replaceAll(/armv7|arm-/g, 'arm-').split(/[-/]/)
  const os = SYSTEMS.find((word) => words.includes(word))
  const cpu =
    PROCESSORS.find((word) => words.includes(word)) ??
    (words.includes('wasm') ? 'wasm32' : undefined)
  return { ...(cpu ? { cpu: [cpu] } : {}), ...(os ? { os: [os] } : {}) }
}

const lock = JSON.parse(readFileSync(FILE, 'utf8'))
const added = []
for (const entry of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key]) continue
    const platform = platformOf(name)
    if (!platform.os && !platform.cpu) continue
    const version = range.replace(/^[\^~]/, '')
    lock.packages[key] = {
      version,
      ...platform,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    }
    added.push(name)
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
)
writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`)
console.log(
  added.length === 0 ? 'The lock file is complete' : `Added ${added.length}: ${added.join(', ')}`,
)
