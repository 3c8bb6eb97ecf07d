/** How the reference page looks, on top of the console's style. */

export const REFERENCE_STYLE = `
html { scroll-padding-top: 4.5rem }
main { max-width: 68rem }
.finder {
  position: sticky; top: 0; z-index: 1; padding: .75rem 0; background: var(--ground);
  display: flex; gap: .75rem 1.25rem; align-items: center; flex-wrap: wrap;
}
.finder input {
  flex: 1 1 20rem; font: inherit; color: var(--ink); background: var(--paper); padding: .55rem .9rem;
  border: 1px solid var(--line); border-radius: 10px;
}
.finder input::placeholder { color: var(--soft); opacity: 1 }
.finder input:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
.finder output { color: var(--soft); font-size: .9rem }
.no-script .finder { display: none }
nav a { white-space: nowrap }
section > h2 { font-size: 1.3rem; letter-spacing: -.01em; margin-bottom: .25rem }
.list { display: grid; gap: .4rem }
.list .first { margin-top: .9rem }
.refusal { margin-top: 1.25rem; font-size: .95rem }
details { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; min-width: 0 }
details[open] { border-color: color-mix(in srgb, var(--accent) 45%, var(--line)) }
summary {
  cursor: pointer; list-style: none; padding: .55rem .9rem; border-radius: 10px;
  display: grid; grid-template-columns: 4.4rem minmax(0, 1.15fr) minmax(0, 1fr); gap: .2rem .9rem; align-items: baseline;
}
summary::-webkit-details-marker { display: none }
summary:hover .path { color: var(--accent) }
.path { overflow-wrap: anywhere }
.path i { font-style: normal; color: var(--soft) }
.does { color: var(--soft); font-size: .93rem }
.method {
  --tone: var(--soft); font: 600 .74rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  text-align: center; letter-spacing: .03em; border-radius: 6px; color: var(--tone);
  background: color-mix(in srgb, var(--tone) 13%, transparent);
}
.get, .head { --tone: light-dark(#1c5d99, #7db8f0) }
.post { --tone: light-dark(#1f6f54, #6fcf9f) }
.put, .patch { --tone: light-dark(#8a5a00, #e6b450) }
.delete { --tone: light-dark(#b3261e, #ff8a80) }
.all { --tone: light-dark(#6b3fa0, #c3a3ee) }
.more { padding: .7rem .9rem 1rem; display: grid; gap: .8rem; min-width: 0 }
.more p { max-width: none }
.more p b { color: var(--ink); font-weight: 600 }
.more pre { padding: .7rem .9rem; white-space: pre; overflow-x: auto; overflow-wrap: normal }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
caption { text-align: left; font-weight: 600; padding-bottom: .2rem }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: .82rem }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td:last-child { color: var(--soft); overflow-wrap: anywhere }
.fields { table-layout: fixed }
.fields td:first-child { width: 32%; overflow-wrap: anywhere }
.fields td:nth-child(2) { width: 26% }
.fields b { color: var(--accent); font-weight: 500; font-size: .82rem; white-space: nowrap }
.more div > p + .wide { margin-top: .3rem }
[hidden] { display: none !important }
@media (max-width: 44rem) {
  html { scroll-padding-top: 7.5rem }
  body { padding: 1.5rem .8rem }
  summary { grid-template-columns: 4.4rem minmax(0, 1fr) }
  .does { grid-column: 1 / -1 }
  .fields tr { display: grid; grid-template-columns: minmax(0, 1fr); padding: .35rem 0; border-bottom: 1px solid var(--line) }
  .fields td, .fields td:first-child, .fields td:nth-child(2) { width: auto; padding: 0; border: 0 }
}
`
