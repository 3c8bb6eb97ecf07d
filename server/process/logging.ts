/** Where log lines go: standard error, and a file in the data folder that `stead logs` shows. */
import type { EventEmitter } from 'node:events'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import pretty from 'pino-pretty'
import type { Log } from '#core/log'
import type { Config } from '../config.ts'

const MAX_FILE_BYTES = 20 * 1024 * 1024

/** Bytes of lines that wait for room on the disk; more are dropped. */
const MAX_WAITING = 1024 * 1024

/** Whatever hides under these names in a logged object never appears. */
const REDACTED = [
  'password',
  'secret',
  'token',
  'authorization',
  'apikey',
  'access_token',
  'refresh_token',
  'cookie',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export const logFile = (dataDir: string): string => join(dataDir, 'logs', 'stead.log')

export function openLog({ logLevel, logFormat }: Config, dataDir: string): Log {
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY)
  const shown = isPretty
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ dest: 2, sync: true, maxLength: MAX_WAITING })
  const kept = pino.destination({ dest: currentFile(dataDir), sync: true, maxLength: MAX_WAITING })
  // What cannot be written (no room, nobody who reads) waits or is dropped; it must not end the process.
  const streams: EventEmitter[] = [shown, kept]
  for (const stream of streams) stream.on('error', () => {})
  const level = logLevel
  return pino(
    { level, redact: { paths: REDACTED, censor: '[secret]' }, base: { pid: process.pid } },
    level === 'silent'
      ? pino.multistream([])
      : pino.multistream([
          { stream: shown, level },
          { stream: kept, level },
        ]),
  )
}

/** The file of the previous run moves aside when it has grown large; one such file is kept. */
function currentFile(dataDir: string): string {
  const path = logFile(dataDir)
  mkdirSync(join(dataDir, 'logs'), { recursive: true, mode: 0o700 })
  if (existsSync(path) && statSync(path).size > MAX_FILE_BYTES) renameSync(path, `${path}.1`)
  return path
}
