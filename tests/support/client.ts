/** A small HTTP client that always shows the same credential. */

export type Body = object | string | Uint8Array | undefined

export type Client = {
  readonly token: string | undefined
  request(
    method: string,
    path: string,
    body?: Body,
    headers?: Record<string, string>,
  ): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  post(path: string, body?: Body, headers?: Record<string, string>): Promise<Response>
  put(path: string, body?: Body, headers?: Record<string, string>): Promise<Response>
  patch(path: string, body?: Body, headers?: Record<string, string>): Promise<Response>
  delete(path: string, body?: Body, headers?: Record<string, string>): Promise<Response>
}

export function clientFor(url: string, token?: string): Client {
  // oxlint-disable-next-line max-params -- reads like HTTP at the call
  const request: Client['request'] = (method, path, body, headers = {}) => {
    const isJson = typeof body === 'object' && !(body instanceof Uint8Array)
    return fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: isJson ? JSON.stringify(body) : (body as NonNullable<RequestInit['body']>) }),
    })
  }
  return {
    token,
    request,
    get: (path, headers) => request('GET', path, undefined, headers),
    post: (path, body, headers) => request('POST', path, body, headers),
    put: (path, body, headers) => request('PUT', path, body, headers),
    patch: (path, body, headers) => request('PATCH', path, body, headers),
    delete: (path, body, headers) => request('DELETE', path, body, headers),
  }
}
