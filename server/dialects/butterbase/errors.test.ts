import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { codesWith } from './errors.ts'
import { ANSWERS } from './router.ts'

const FOLDER = new URL('../../../docs/errors/', import.meta.url)

const fileOf = (code: string): string => `${code.toLowerCase().replaceAll('_', '-')}.md`

test('every code has a page, and every page a code', async () => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.md'))
  expect(files.toSorted()).toEqual(codesWith(ANSWERS).map(fileOf).toSorted())
})

test('every page says what the code means, why it happens, what to do, and shows an example', async () => {
  for (const code of codesWith(ANSWERS)) {
    const text = await readFile(new URL(fileOf(code), FOLDER), 'utf8')
    const headings = text.split('\n').filter((line) => line.startsWith('#'))
    expect(headings).toEqual([`# ${code}`, '## Why it happens', '## What to do', '## Example'])
    expect(text).toMatch(/^Status \d{3}/m)
    const [, answer = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? []
    expect(JSON.parse(answer)).toMatchObject({
      error: { code, message: expect.any(String), remediation: expect.any(String) },
    })
  }
})
