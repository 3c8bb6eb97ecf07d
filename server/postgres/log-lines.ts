/** The server's words on stderr, as entries of our own log. */
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import type { Log } from '#core/log'

type Level = 'debug' | 'warn' | 'error'

/** Goes with the regular expression below: pid, then SQLSTATE. */
export const LOG_LINE_PREFIX = '[%p] %e '

const LINE = /^\[(\d+)\] ([0-9A-Z]{5}) ([A-Z]+\d?): {2}(.*)$/

/** ERROR is the error of somebody's statement, who has been told. */
const LEVELS: Record<string, Level> = { WARNING: 'warn', FATAL: 'error', PANIC: 'error' }

/** FATAL ends a connection; these are ordinary ways for one to end. */
const ORDINARY: Record<string, Level> = {
  '57P01': 'debug', // we are stopping
  '57P03': 'debug', // we are starting or stopping
  '3D000': 'debug', // no such database
  '08006': 'debug', // whoever read the answer has left, or we have
  '57014': 'warn', // a login took too long: the machine is busy
  '28P01': 'warn', // wrong password
  '28000': 'warn', // no such role
}

export type ServerLine = { level: Level; message: string; sqlState?: string; serverPid?: number }

/**
 * One line of the server.
 * @returns undefined for a continuation: it is the rest of a text that may quote a statement
 */
export function parseServerLine(line: string): ServerLine | undefined {
  if (line.startsWith('\t') || line.trim() === '') return undefined
  const [, pid, sqlState, severity, text] = LINE.exec(line) ?? []
  if (sqlState === undefined || severity === undefined || text === undefined) {
    return { level: 'debug', message: line.trim() }
  }
  const level = (severity === 'FATAL' && ORDINARY[sqlState]) || LEVELS[severity] || 'debug'
  const message = severity === 'ERROR' ? withoutQuotes(text) : text
  return { level, message, sqlState, serverPid: Number(pid) }
}

/** An ERROR may quote a part of a statement, which may hold quotes itself: all of it goes. */
const withoutQuotes = (text: string): string => text.replace(/".*("|$)/, '"…"')

const KEPT_LINES = 20

/** Logs each line of `stream`. The array holds the last lines, for the cause of a failed start. */
export function logLines(stream: Readable, log: Log): string[] {
  const last: string[] = []
  createInterface({ input: stream }).on('line', (line) => {
    const parsed = parseServerLine(line)
    if (!parsed) return
    const { level, message, ...facts } = parsed
    log[level](facts, message)
    last.push(message)
    if (last.length > KEPT_LINES) last.shift()
  })
  return last
}
