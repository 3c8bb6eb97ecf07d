/** How a Deno process comes to be: its folder, its identity, its socket, its flags. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import net from 'node:net'
import os, { setPriority } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '#core/errors'
import { findDeno } from './deno-path.ts'
import { denoFlags } from './permissions.ts'
import { type Reaper, startReaper } from './reaper.ts'
import type { PoolOptions } from './types.ts'

/** `nobody`, where there is no better name: it owns nothing. */
const UNPRIVILEGED = 65_534
/** A unix socket's path ends at 104 bytes on macOS, 108 on Linux. */
const SOCKET_PATH_BYTES = 100
const RUNTIME_DIR = fileURLToPath(new URL('../../runtime/', import.meta.url))

export type Launched = {
  child: ChildProcess
  /** The one connection there will ever be; rejects when the process ends first. */
  socket: Promise<net.Socket>
}

export type Purpose = 'standby' | 'call'

export type Launcher = {
  /** A process for standby runs itself warm first; one for a call that waits does not. */
  launch(memoryMb: number, purpose: Purpose): Launched
  /** It starts at full speed, as somebody waits for it; from here on it yields to everybody else. */
  yieldNow(pid: number): void
  forget(pid: number): void
  close(): void
}

type Place = {
  deno: string
  main: string
  cacheDir: string
  socketDir: string
  /** The folder that goes when we do. */
  atEnd: string
  /** Set when we are root: the processes are not. */
  identity: { uid: number; gid: number } | undefined
}

export function makeLauncher(options: PoolOptions): Launcher {
  const place = preparePlace(options)
  const sources = forgetSources(place.cacheDir)
  const reaper = startReaper(place.atEnd)
  const ownAddresses = privateAddresses()
  const env = {
    DENO_TLS_CA_STORE: 'mozilla,system', // a company's own authority counts for imports and fetch
    ...options.env,
    DENO_DIR: place.cacheDir,
    NO_COLOR: '1',
    DENO_NO_UPDATE_CHECK: '1',
    TZ: 'UTC',
  }
  const importHosts = options.importHosts ?? []
  return {
    launch(memoryMb, purpose) {
      const socketPath = path.join(place.socketDir, randomBytes(6).toString('hex'))
      const flags = denoFlags({ socketPath, memoryMb, importHosts, ownAddresses })
      sources.onLaunch()
      const server = listen(socketPath, place.identity)
      const child = start(place, [...flags, place.main, socketPath, purpose], env)
      if (purpose === 'standby' && child.pid !== undefined) lowerPriority(child.pid)
      return { child, socket: firstConnection(server, child, reaper) }
    },
    yieldNow: (pid) => threadsOf(pid).forEach(lowerPriority),
    forget: (pid) => reaper.remove(pid),
    close: () => reaper.close(),
  }
}

/** Between normal (0) and lowest (19). */
const PRIORITY = 5

/** In a session of its own, so that Ctrl-C leaves it time; without core dumps, which would hold a function's memory. */
function start(place: Place, args: string[], env: Record<string, string>): ChildProcess {
  const shell = process.platform === 'win32' ? [] : ['/bin/sh', '-c', 'ulimit -c 0; exec "$0" "$@"']
  const [command = place.deno, ...rest] = [...shell, place.deno, ...args]
  return spawn(command, rest, {
    ...place.identity,
    env,
    cwd: place.cacheDir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** A function that computes for long takes the processor from nobody who needs it for a moment. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, PRIORITY)
  } catch {
    // It ended already, or the system does not let us: it runs like any other.
  }
}

/** On Linux a priority is a thread's; elsewhere the process stands for all. */
function threadsOf(pid: number): number[] {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return [pid]
  }
}

function listen(socketPath: string, identity: Place['identity']): net.Server {
  const server = net.createServer({ noDelay: true })
  server.maxConnections = 1
  server.on('error', () => undefined) // told by what follows, and by `firstConnection`
  server.listen(socketPath, () => undefined)
  fs.chmodSync(socketPath, 0o600)
  if (identity) fs.chownSync(socketPath, identity.uid, identity.gid)
  return server
}

/** After the first connection nobody can make another: the address is gone. */
function firstConnection(
  server: net.Server,
  child: ChildProcess,
  reaper: Reaper,
): Promise<net.Socket> {
  if (child.pid !== undefined) reaper.add(child.pid)
  return new Promise((resolve, reject) => {
    server.once('connection', (socket) => {
      server.close()
      resolve(socket)
    })
    const fail = (cause?: unknown) => {
      server.close()
      reject(new Error('The Deno process ended before it connected', { cause }))
    }
    server.once('error', fail)
    child.once('error', fail)
    child.once('exit', (code, signal) => fail(signal ?? code))
  })
}

/** Exact addresses can be denied, ranges cannot. Zones are left out: Deno would not take them. */
function privateAddresses(): string[] {
  const all = Object.values(os.networkInterfaces()).flatMap((list) => list ?? [])
  const own = all.filter(({ family, address }) => family === 'IPv6' && /^f[cde]/.test(address))
  return own.map(({ address }) => address)
}

/** Without Deno everything else still works, so its absence is told when a function is to run. */
function denoOf({ denoPath, log }: PoolOptions): string {
  try {
    return denoPath ?? findDeno()
  } catch (error) {
    const { message, hint } = AppError.from(error as Error)
    log.error({ hint }, message)
    return './deno-is-not-installed'
  }
}

function preparePlace(options: PoolOptions): Place {
  const { runtimeDir = RUNTIME_DIR, scratchDir } = options
  const deno = denoOf(options)
  fs.mkdirSync(scratchDir, { recursive: true })
  const identity = process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : undefined
  const base = identity && !isReachable(scratchDir) ? tempDir() : path.resolve(scratchDir)
  const cacheDir = path.join(base, 'deno')
  fs.mkdirSync(cacheDir, { recursive: true, mode: 0o700 })
  if (identity) fs.chownSync(cacheDir, identity.uid, identity.gid)
  const place = { deno, main: path.join(runtimeDir, 'main.ts'), cacheDir, identity }
  const moved = identity ? copyUnreachable(place, base) : place
  const socketDir = makeSocketDir(base)
  const atEnd = base === path.resolve(scratchDir) ? socketDir : base
  return { ...place, ...moved, socketDir, atEnd }
}

/** So many processes each leave the code of a function behind. */
const FORGET_EVERY = 1_000

/**
 * Deno keeps what it made of each module, also of those that no other process will ever ask for: a function's code has
 * another address each time. That would grow for ever, and lie readable on the disk.
 */
function forgetSources(cacheDir: string): { onLaunch: () => void } {
  const files = fs.readdirSync(cacheDir).filter((name) => name.startsWith('dep_analysis_cache'))
  for (const name of files) fs.rmSync(path.join(cacheDir, name), { force: true })
  for (const dir of putAside(cacheDir)) fs.rmSync(dir, { recursive: true, force: true })
  let launched = 0
  return {
    onLaunch() {
      launched += 1
      if (launched % FORGET_EVERY !== 0) return
      for (const dir of putAside(cacheDir)) {
        fs.rm(dir, { recursive: true, force: true }, () => undefined)
      }
    },
  }
}

const ASIDE = 'forgotten-'

/**
 * A folder that processes still write to is never empty for the moment that its removal takes, so it gets another name
 * first.
 * @returns what is to be removed, also what an earlier process did not come to
 */
function putAside(cacheDir: string): string[] {
  const gen = path.join(cacheDir, 'gen')
  if (!fs.existsSync(gen)) return []
  try {
    fs.renameSync(
      path.join(gen, 'blob'),
      path.join(gen, `${ASIDE}${randomBytes(6).toString('hex')}`),
    )
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const aside = fs.readdirSync(gen).filter((name) => name.startsWith(ASIDE))
  return aside.map((name) => path.join(gen, name))
}

/** What `nobody` could not read where it is, such as an installation under /root, is copied to where it can. */
function copyUnreachable({ deno, main }: { deno: string; main: string }, base: string) {
  const moved = { deno, main }
  if (fs.existsSync(deno) && !isReachable(deno)) {
    moved.deno = path.join(base, 'deno-bin')
    if (!isSameFile(deno, moved.deno)) replaceFile(deno, moved.deno)
  }
  if (!isReachable(main)) {
    const [from, to] = [path.dirname(main), path.join(base, 'runtime')]
    fs.mkdirSync(to, { recursive: true })
    for (const name of fs.readdirSync(from)) replaceFile(path.join(from, name), path.join(to, name))
    moved.main = path.join(to, 'main.ts')
  }
  return moved
}

/** At once: what is there may be running, and a half copy may not. */
function replaceFile(from: string, to: string): void {
  const draft = `${to}.${randomBytes(6).toString('hex')}`
  fs.copyFileSync(from, draft, fs.constants.COPYFILE_FICLONE)
  fs.chmodSync(draft, 0o755)
  fs.renameSync(draft, to)
}

const isSameFile = (one: string, other: string): boolean =>
  fs.existsSync(other) && fs.statSync(one).size === fs.statSync(other).size

/** Whether somebody without any rights could come to it and use it. */
function isReachable(target: string): boolean {
  const { mode } = fs.statSync(target)
  const needed = fs.statSync(target).isDirectory() ? 0o001 : 0o004
  if ((mode & needed) === 0) return false
  const parent = path.dirname(path.resolve(target))
  return parent === path.resolve(target) || isReachable(parent)
}

function makeSocketDir(base: string): string {
  removeLeftovers(base)
  const isShort = Buffer.byteLength(base) + 40 <= SOCKET_PATH_BYTES
  const dir = isShort ? fs.mkdtempSync(path.join(base, `run-${process.pid}-`)) : tempDir()
  fs.chmodSync(dir, 0o711)
  return dir
}

function tempDir(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'stead-'))
  fs.chmodSync(dir, 0o711)
  return dir
}

/** Socket folders of processes that are gone. */
function removeLeftovers(base: string): void {
  for (const name of fs.readdirSync(base)) {
    const pid = /^run-(\d+)-/.exec(name)?.[1]
    if (pid && !isAlive(Number(pid)))
      fs.rmSync(path.join(base, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
