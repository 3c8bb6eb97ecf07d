/** The examples of a page of the documents: SQL, requests, and the answers that they promise. */
import type { TestApp } from './app.ts'

/** The texts of the page's blocks in this language, in their order. */
export const blocks = (page: string, language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\n\`\`\``, 'gs'))].map(
    ([, text = '']) => text,
  )

/** What the app's service key is answered: a line with method and path, headers, an empty line, a body. */
export async function answerTo(app: TestApp, request: string): Promise<unknown> {
  const [head = '', body] = request.split('\n\n')
  const [line = '', ...headerLines] = head.split('\n')
  const [method = '', path = ''] = line.split(' ')
  const headers = Object.fromEntries(
    headerLines.map((text) => text.split(': ', 2) as [string, string]),
  )
  if (body !== undefined) headers['content-type'] = 'application/json'
  return (await app.as(app.serviceKey).request(method, path, body, headers)).json()
}
