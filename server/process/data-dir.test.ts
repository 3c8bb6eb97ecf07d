import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openDataDir } from './data-dir.ts'
import { explain } from './explain.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'stead-data-dir-')))
afterAll(() => rmSync(root, { recursive: true }))

mkdirSync(join(root, 'folder'))
writeFileSync(join(root, 'file'), '')
symlinkSync('folder', join(root, 'link'))
symlinkSync('nowhere', join(root, 'dangling'))
symlinkSync('file', join(root, 'to-file'))
symlinkSync('loop', join(root, 'loop'))

test.each([
  ['folder', 'folder'],
  ['new', 'new'],
  ['a/b/c', 'a/b/c'],
  ['a/b/../../folder/../d', 'd'],
  ['link', 'folder'],
  ['link/inside', 'folder/inside'],
])('openDataDir makes of %s the folder %s', (path, folder) => {
  expect(openDataDir(`${root}/${path}`, true)).toBe(join(root, folder))
})

const ANOTHER = 'Type another folder after --data-dir'

test.each([
  ['file', `file is a file where a folder should be (EEXIST). ${ANOTHER}`],
  ['to-file', `to-file is a file where a folder should be (EEXIST). ${ANOTHER}`],
  ['file/x', `file/x leads through a file where a folder should be (ENOTDIR). ${ANOTHER}`],
  ['file/x/y', `file/x leads through a file where a folder should be (ENOTDIR). ${ANOTHER}`],
  [
    'dangling/x',
    'dangling is a link to nowhere, which is not there. Make that folder, or choose another with --data-dir',
  ],
  [
    'loop',
    'loop is a link that leads back to itself (ELOOP). Remove it, or choose another folder with --data-dir',
  ],
  ['x'.repeat(300), `${'x'.repeat(300)} is too long a name (ENAMETOOLONG). Type a shorter one`],
])('openDataDir refuses %s with what to do', (path, sentence) => {
  expect(refusal(`${root}/${path}`)).toMatch(`Cannot start: ${root}/${sentence}`)
})

test('openDataDir refuses a name that no log could show', () => {
  expect(refusal(`${root}/a\nb`)).toBe(
    `Cannot start: the name "${root}/a\\nb" has a control character. ${ANOTHER}`,
  )
})

/** What the operator reads. */
function refusal(path: string): string {
  try {
    return openDataDir(path, true)
  } catch (error) {
    return explain(error)
  }
}
