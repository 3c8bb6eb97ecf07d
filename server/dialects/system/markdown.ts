/**
 * The little Markdown that our own pages use, as HTML: headings, paragraphs, lists, code, and links to another page
 * of the folder, which stands on the same page here. All text is escaped.
 */

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character)

const inline = (text: string): string =>
  escaped(text)
    .replaceAll(/`([^`]+)`/g, (_, code: string) => `<code>${code}</code>`)
    .replaceAll(
      /\[([^\]]+)\]\(([a-z-]+)\.md\)/g,
      (_, words: string, page: string) => `<a href="#${page}">${words}</a>`,
    )

/** @param options `anchor` names the first heading; headings begin at level 2 */
export function markdownToHtml(text: string, { anchor }: { anchor: string }): string {
  const blocks = text.split(/^```.*\n([\s\S]*?)^```$/m)
  return blocks
    .map((block, at) =>
      at % 2 === 1 ? `<pre>${escaped(block.trimEnd())}</pre>` : prose(block, anchor),
    )
    .join('\n')
}

const prose = (text: string, anchor: string): string =>
  text
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map((block) => blockToHtml(block, anchor))
    .join('\n')

function blockToHtml(block: string, anchor: string): string {
  if (block.startsWith('# ')) return `<h2 id="${escaped(anchor)}">${inline(block.slice(2))}</h2>`
  if (block.startsWith('## ')) return `<h3>${inline(block.slice(3))}</h3>`
  if (!block.startsWith('- ')) return `<p>${inline(block)}</p>`
  const items = block.split(/^- /m).filter((item) => item.trim() !== '')
  return `<ul>${items.map((item) => `<li>${inline(item.trim())}</li>`).join('')}</ul>`
}
