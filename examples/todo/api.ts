/** Speaks to the running instance; what to say to whom comes from `stead status`. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const STEAD = fileURLToPath(new URL('../../cli/stead.mjs', import.meta.url))

type Status = { url: string; platform_key: string }

/** Ends the program when nothing runs: `stead status` has said so, and what to do. */
export function status(): Status {
  const args = [STEAD, 'status', '--json', ...dataDir()]
  const { status: code, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (code !== 0) process.exit(1)
  return JSON.parse(stdout) as Status
}

/** `--data-dir` of these programs names the instance, as it does for `stead`. */
function dataDir(): string[] {
  const at = process.argv.indexOf('--data-dir')
  return at < 0 ? [] : process.argv.slice(at, at + 2)
}

export type Request = { method?: string; token?: string; body?: unknown }

/** One JSON request. @throws with the answer's own words when it is not a good one */
export async function call<T>(url: string, { method, token, body }: Request = {}): Promise<T> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method ?? ''} ${url} answered ${response.status}: ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}
