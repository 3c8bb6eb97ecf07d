/** What is answered while the instance is not there yet. */

/** Seconds after which to ask again. */
const AGAIN = '1'

const ADVICE = { status: 503, headers: { 'retry-after': AGAIN, 'cache-control': 'no-store' } }

/** A page that loads itself again for whoever looks with a browser, JSON for everybody else. */
export function starting(request: Request): Response {
  const isBrowser = request.headers.get('accept')?.includes('text/html') === true
  const isLook = request.method === 'GET' || request.method === 'HEAD'
  const answer = new Response(isBrowser && isLook ? PAGE : JSON_BODY, ADVICE)
  answer.headers.append('vary', 'Accept')
  if (isBrowser && isLook) {
    answer.headers.set('content-type', 'text/html; charset=utf-8')
    answer.headers.set('refresh', AGAIN)
    answer.headers.set('content-security-policy', POLICY)
  } else {
    answer.headers.set('content-type', 'application/json')
  }
  return answer
}

const JSON_BODY = '{"error":"Stead is starting"}\n'

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

/** The mark and the colours of the console, which follows. */
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Stead is starting</title>
    <link rel="icon" href="data:," />
    <style>
      :root {
        color-scheme: light dark;
        --ground: light-dark(#f6f5f1, #14161a);
        --ink: light-dark(#1d2126, #e8e6e1);
        --soft: light-dark(#5f6670, #9aa0aa);
        --accent: light-dark(#1f6f54, #6fcf9f);
      }
      body {
        display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 1.25rem; box-sizing: border-box;
        background: var(--ground); color: var(--ink);
        font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
      }
      main { max-width: 26rem; text-align: center }
      svg { color: var(--accent) }
      h1 { margin: .75rem 0 .5rem; font-size: 1.4rem; letter-spacing: -.01em; line-height: 1.2 }
      p { margin: 0; color: var(--soft); text-wrap: balance }
    </style>
  </head>
  <body>
    <main>
      <svg width="44" height="44" viewBox="0 0 34 34" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linejoin="round" aria-hidden="true"><path d="M4 16 17 5l13 11v13H4z"/><path d="M12 29v-9h10v9"/></svg>
      <h1>Stead is starting</h1>
      <p>This takes a few seconds. The page loads again by itself, and shows what you asked for as soon as it is there.</p>
    </main>
  </body>
</html>
`
