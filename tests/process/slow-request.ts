/** A request that the server has begun to read and that ends only when the test says so. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'

export type SlowRequest = {
  /** Sends the rest and gives the answer. */
  finish(): Promise<{ status: number | undefined; body: string }>
}

/** Resolves when the server has taken the request and asks for its body. */
export async function beginSlowRequest(url: string, key: string): Promise<SlowRequest> {
  const body = JSON.stringify({ name: 'made-while-stopping' })
  const call = request(`${url}/init`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': body.length,
      expect: '100-continue',
    },
  })
  const answer = answerOf(call)
  await new Promise((resolve, reject) => call.once('continue', resolve).once('error', reject))
  call.write(body.slice(0, 5))
  return {
    async finish() {
      call.end(body.slice(5))
      return answer
    },
  }
}

function answerOf(call: ClientRequest): Promise<{ status: number | undefined; body: string }> {
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve).once('error', reject)
  }).then(async (response) => {
    response.setEncoding('utf8')
    return { status: response.statusCode, body: (await response.toArray()).join('') }
  })
  answer.catch(() => {})
  return answer
}
