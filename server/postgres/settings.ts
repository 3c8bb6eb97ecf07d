/** The server's settings. They are given on the command line, so no file can disagree. */
import { LOG_LINE_PREFIX } from './log-lines.ts'

export type SettingsInput = {
  port: number
  /** Empty where the system has no unix sockets. */
  socketDir: string
  /** Of the machine, in bytes. */
  memoryBytes: number
  maxConnections: number
  durable: boolean
  clusterName: string
}

export const DEFAULT_MAX_CONNECTIONS = 200

const MIB = 1024 * 1024

/** Whole megabytes of `bytes`, kept within bounds, as PostgreSQL spells them. */
function megabytes(bytes: number, [least, most]: [number, number]): string {
  return `${Math.round(Math.min(Math.max(bytes / MIB, least), most))}MB`
}

/** Every setting that differs from PostgreSQL's own default, or must not be changed. */
export function serverSettings(input: SettingsInput): Record<string, string> {
  return {
    ...connections(input),
    ...memory(input.memoryBytes),
    ...durability(input.durable),
    ...BEHAVIOUR,
    ...LOGGING,
    cluster_name: input.clusterName, // how leftovers are recognised, see processes.ts
  }
}

function connections({ port, socketDir, maxConnections }: SettingsInput): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    port: `${port}`,
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    max_connections: `${maxConnections}`,
    password_encryption: 'scram-sha-256',
    scram_iterations: `${SCRAM_ITERATIONS}`,
  }
}

/**
 * Iterations protect short passwords against guessing from a stolen hash. Ours have 256 random
 * bits, which no one guesses, and each iteration is paid for at every connection.
 */
export const SCRAM_ITERATIONS = 16

function memory(bytes: number): Record<string, string> {
  return {
    // 1/64, not the 1/4 of a machine that does nothing else: the system's cache does the rest.
    // Untouched pages cost nothing, but the tables that describe them are touched at the start:
    // measured at idle, all processes: 128 MB 60 MB resident, 512 MB 72, 1536 MB 100.
    shared_buffers: megabytes(bytes / 64, [32, 1024]),
    effective_cache_size: megabytes(bytes / 2, [128, 65_536]),
    work_mem: megabytes(bytes / 2048, [4, 32]),
    maintenance_work_mem: megabytes(bytes / 128, [64, 512]),
    huge_pages: 'try',
    // Measured: `sync` needs no I/O workers, which are three processes and 11 MB at idle.
    io_method: 'sync',
    // Change feeds are read from here, never into here, so the launcher (8 MB) has nothing to do.
    max_logical_replication_workers: '0',
    // Many apps share the cluster, and a dump or a drop of a schema locks each of its tables.
    max_locks_per_transaction: '128',
  }
}

function durability(durable: boolean): Record<string, string> {
  const on = durable ? 'on' : 'off'
  return {
    fsync: on,
    full_page_writes: on,
    synchronous_commit: on,
    wal_level: 'logical', // so that a change feed can start without a restart
    max_wal_senders: '32',
    max_replication_slots: '32',
    max_slot_wal_keep_size: '4GB', // a forgotten feed must not fill the disk
    max_wal_size: '2GB', // fewer checkpoints in a bulk load; recovery stays within seconds
    checkpoint_timeout: '15min',
  }
}

const BEHAVIOUR: Record<string, string> = {
  jit: 'off', // our statements take less time than compiling them
  autovacuum: 'on',
  restart_after_crash: 'on',
  track_io_timing: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C', // what we parse and what we show must not change with the machine
}

/** No text of a statement, no parameter and no detail of a row may reach a log. */
const LOGGING: Record<string, string> = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: LOG_LINE_PREFIX,
  log_min_messages: 'warning',
  log_error_verbosity: 'terse', // without DETAIL and CONTEXT, which quote rows and code
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_min_duration_statement: '-1',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
}
