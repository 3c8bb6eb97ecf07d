/** How commands lay out what they print. Colours only on a terminal. */
import { styleText } from 'node:util'

const styled = (style: 'bold' | 'dim', text: string): string =>
  styleText(style, text, { stream: process.stdout })

export const bold = (text: string): string => styled('bold', text)

export const dim = (text: string): string => styled('dim', text)

/** Lines of label and value, the values below each other. */
export function table(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  return rows.map(([label, value]) => `  ${dim(label.padEnd(width))}${value}`).join('\n')
}

/** Lines that a shell evaluates. */
export const shellExports = (variables: Record<string, string>): string =>
  Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`)
    .join('\n')
