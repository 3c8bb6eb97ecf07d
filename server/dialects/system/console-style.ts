/** How the console page looks: one style sheet, light and dark, no file to fetch. */
import { raw } from 'hono/html'

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f5f1, #14161a);
  --paper: light-dark(#ffffff, #1c1f25);
  --ink: light-dark(#1d2126, #e8e6e1);
  --soft: light-dark(#5f6670, #9aa0aa);
  --line: light-dark(#e2dfd7, #2c3038);
  --accent: light-dark(#1f6f54, #6fcf9f);
  --alarm: light-dark(#b3261e, #ff8a80);
  --code: light-dark(#f1efe9, #12141a);
}
* { box-sizing: border-box; margin: 0 }
body {
  background: var(--ground); color: var(--ink); padding: 3rem 1.25rem;
  font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
main { max-width: 62rem; margin: 0 auto; display: grid; grid-template-columns: minmax(0, 1fr); gap: 2.25rem }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1rem }
h1 { font-size: 1.9rem; letter-spacing: -.02em; line-height: 1 }
h2 { font-size: 1.05rem; margin-bottom: .75rem }
h3 { font-size: 1rem }
h2, h3, code { overflow-wrap: anywhere }
p { color: var(--soft); max-width: 46rem }
section > p { margin-bottom: .75rem }
a { color: var(--accent); text-underline-offset: .15em }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px }
b { color: var(--ink) }
header .away { margin-left: auto; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem }
svg { display: block; color: var(--accent) }
.version { color: var(--soft) }
.health {
  margin-left: auto; padding: .2rem .75rem; border: 1px solid var(--line); border-radius: 99px;
  background: var(--paper); font-size: .9rem; white-space: nowrap;
}
.health::before { content: '●'; margin-right: .45rem; color: var(--accent) }
.health.bad::before { color: var(--alarm) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem }
.facts div, article { background: var(--paper); border: 1px solid var(--line); border-radius: 12px }
.facts div { padding: .85rem 1.1rem }
dt { color: var(--soft); font-size: .85rem }
dd { overflow-wrap: anywhere }
.dialects { display: grid; gap: 1rem }
article { padding: 1.1rem 1.25rem; display: grid; gap: .6rem }
article .title { display: flex; flex-wrap: wrap; gap: .35rem .75rem; align-items: baseline }
article .title code { color: var(--accent); font-size: .95rem }
code, pre { font: .86rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.command { position: relative }
pre {
  background: var(--code); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem 5rem .7rem .9rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
}
button {
  position: absolute; top: .45rem; right: .45rem; padding: .2rem .7rem; cursor: pointer;
  font: inherit; font-size: .8rem; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px;
}
button:hover, button:focus-visible { border-color: var(--accent) }
.no-script button { display: none }
nav { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem }
footer { color: var(--soft); font-size: .9rem; border-top: 1px solid var(--line); padding-top: 1.25rem }
`

/** The mark: a house. */
export const LOGO = raw(
  '<svg width="34" height="34" viewBox="0 0 34 34" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linejoin="round" aria-hidden="true"><path d="M4 16 17 5l13 11v13H4z"/><path d="M12 29v-9h10v9"/></svg>',
)
