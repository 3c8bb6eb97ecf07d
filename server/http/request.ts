/** Reading a request: who sent it and under which name. */
import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import type { Http } from './env.ts'

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** The caller's own request id when it is harmless, else a new one. */
export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** A header's text. From Node's own table: Hono checks the name first, and a request asks a dozen times. */
export function headerOf(c: Http, name: string): string | undefined {
  const value = c.env.incoming.headers[name]
  return typeof value === 'string' ? value : undefined
}

/** The text after `Bearer `, if the header is of that form. */
export function bearerOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length < 8) return undefined
  return /^bearer$/i.test(header.slice(0, 6)) && header[6] === ' '
    ? header.slice(7).trim()
    : undefined
}

/**
 * The address of the peer, or the one that a trusted proxy vouches for: the last address in
 * `X-Forwarded-For` that is not itself a trusted proxy.
 */
export function clientIp(c: Http, trustedProxies: ReadonlySet<string>): string {
  const peer = plain(c.env.incoming.socket.remoteAddress ?? '')
  if (!trustedProxies.has(peer)) return peer
  const hops = (headerOf(c, 'x-forwarded-for') ?? '').split(',').map((hop) => plain(hop.trim()))
  return hops.findLast((hop) => isIP(hop) !== 0 && !trustedProxies.has(hop)) ?? peer
}

/** IPv4 addresses that arrive on an IPv6 socket look like ::ffff:127.0.0.1. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** The host that the request was sent to: lower case, no port, no dot at the end. */
export function hostOf(c: Http): string {
  const text = headerOf(c, 'host') ?? ''
  if (text !== lastHost.text) lastHost = { text, host: plainHost(text) }
  return lastHost.host
}

/** Most requests are sent to the same host as the one before. */
let lastHost = { text: '', host: '' }

const plainHost = (text: string): string =>
  text.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')

/** What stands before the base domain in the host; undefined when the host is no part of it. */
export function subdomainOf(c: Http, baseDomain: string): string | undefined {
  const suffix = `.${baseDomain}`
  const host = hostOf(c)
  return host.endsWith(suffix) ? host.slice(0, -suffix.length) : undefined
}

/** How the world reaches what was asked: the app's own host where the request came to it, else the instance's. */
export function originOf(c: Http, publicUrl: string, baseDomain: string): string {
  const host = headerOf(c, 'host') ?? ''
  const isOfApp = subdomainOf(c, baseDomain) !== undefined && /^[a-z0-9.-]+(:\d+)?$/i.test(host)
  return isOfApp ? `${new URL(publicUrl).protocol}//${host.toLowerCase()}` : publicUrl
}

/**
 * What stands before every path of the instance in links, cookies and headers: the path of its public address, which
 * the proxy in front takes away. Empty without one, and at an app's own host.
 */
export function rootOf(c: Http, { publicUrl, config }: PublicAddress): string {
  return new URL(originOf(c, publicUrl, config.baseDomain)).pathname.replace(/\/+$/, '')
}

export type PublicAddress = { publicUrl: string; config: { baseDomain: string } }

/** Whether the caller has closed the connection: nobody will read the answer. */
export const hasLeft = (c: Http): boolean => c.env.incoming.socket.destroyed === true

/**
 * What functions and policies of an app may read about a request, in PostgREST's words.
 * @param base the part of the path that is ours, not theirs
 */
export function requestFacts(c: Http, base = '') {
  const headers = c.req.header()
  const { method, path } = c.req
  const cookies = Object.fromEntries((headers.cookie ?? '').split(';').flatMap(cookieIn))
  return { method, path: path.startsWith(base) ? path.slice(base.length) : path, headers, cookies }
}

function cookieIn(part: string): [name: string, value: string][] {
  const [name, ...value] = part.trim().split('=')
  return name ? [[name, value.join('=')]] : []
}
