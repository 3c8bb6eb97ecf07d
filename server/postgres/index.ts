/** The embedded PostgreSQL: a cluster of our own, started and stopped with the process. */
export { canReach, firstReachable } from './account.ts'
export { type EmbeddedOptions, type EmbeddedPostgres, startPostgres } from './start.ts'
