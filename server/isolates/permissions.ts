/** What a process may do, as flags of Deno. */

/**
 * Where a function may not connect to: this machine, its networks, and what is not a place on the Internet. Deno holds
 * these after name resolution and against IPv4-mapped addresses. It takes no IPv6 ranges: `runtime/lockdown.ts` has
 * the rest of IPv6, and what stands here for it is known by its exact address (Amazon's metadata service among it).
 */
const DENY_NET = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  'localhost',
  '[::]',
  '[::1]',
  '[fd00:ec2::254]',
]

/** Deno's own list, which giving the flag replaces. */
const IMPORT_HOSTS = [
  'deno.land:443',
  'jsr.io:443',
  'esm.sh:443',
  'raw.esm.sh:443',
  'cdn.jsdelivr.net:443',
  'raw.githubusercontent.com:443',
  'gist.githubusercontent.com:443',
  'unpkg.com:443',
]

export type Grants = {
  /** The process's own socket: the only file it may touch, and only until it has connected. */
  socketPath: string
  memoryMb: number
  importHosts: string[]
  /** Private IPv6 addresses of this machine. */
  ownAddresses: string[]
}

/** Arguments of `deno` up to the module to run. */
export function denoFlags({ socketPath, memoryMb, importHosts, ownAddresses }: Grants): string[] {
  const denied = [...DENY_NET, ...ownAddresses.map((address) => `[${address}]`)]
  return [
    'run',
    '--quiet',
    '--no-prompt',
    '--no-config',
    '--no-lock',
    '--node-modules-dir=none',
    '--ignore-env',
    '--allow-net',
    `--deny-net=${denied.join(',')}`,
    `--allow-read=${socketPath}`,
    `--allow-write=${socketPath}`,
    `--allow-import=${[...IMPORT_HOSTS, ...importHosts].join(',')}`,
    `--v8-flags=--max-old-space-size=${memoryMb}`,
  ]
}
