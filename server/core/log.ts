import type { Logger } from 'pino'

/** The structured logger. Child loggers carry the request or app they speak of. */
export type Log = Logger
