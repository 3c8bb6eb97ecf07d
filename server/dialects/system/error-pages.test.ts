import { expect, test } from 'vitest'
import { startApp } from '#support/app'
import { markdownToHtml } from './markdown.ts'

test('GET /docs/errors has a place for the address that an error carries', async () => {
  await using app = await startApp()
  const refused = await app.nobody.get('/apps')
  const { error } = (await refused.json()) as { error: { documentation_url: string } }
  const url = new URL(error.documentation_url)

  const res = await app.nobody.get(url.pathname, { accept: 'text/html' })

  expect(res.status).toBe(200)
  expect(res.headers.get('content-type')).toMatch(/^text\/html/)
  const page = await res.text()
  expect(page).toContain(`id="${url.hash.slice(1)}"`)
  for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) {
    expect(page).toContain(`id="${anchor}"`)
  }
})

test('GET /docs/errors loads nothing and runs nothing', async () => {
  await using app = await startApp()
  const res = await app.as('bb_sk_wrong').get('/docs/errors')
  expect(res.status).toBe(200)
  expect(res.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'nonce-/,
  )
  expect(await res.text()).not.toMatch(/<script|(src|href)="(https?:)?\/\//)
})

test('markdownToHtml escapes everything, in prose and in code', () => {
  const html = markdownToHtml(
    '# A <b>\n\nText `x < 1` & "more", [`B`](b-c.md).\n\n- one\n- <i>two</i>\n\n```json\n{"a": "<script>"}\n```\n',
    { anchor: 'a"b' },
  )
  expect(html).toBe(
    [
      '<h2 id="a&quot;b">A &lt;b&gt;</h2>',
      '<p>Text <code>x &lt; 1</code> &amp; &quot;more&quot;, <a href="#b-c"><code>B</code></a>.</p>',
      '<ul><li>one</li><li>&lt;i&gt;two&lt;/i&gt;</li></ul>',
      '<pre>{&quot;a&quot;: &quot;&lt;script&gt;&quot;}</pre>',
      '',
    ].join('\n'),
  )
})
