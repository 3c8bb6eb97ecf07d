import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { newDataDir, removeDataDir, startInstance } from '../../bench/instance.ts'

const README = readFileSync(new URL('../../examples/todo/README.md', import.meta.url), 'utf8')

/** Lines of the fenced blocks of one language, in the order of the page. */
const fenced = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].flatMap(
    ([, block = '']) => block.trim().split('\n'),
  )

const run = promisify(execFile)

test('examples/todo does what its README says, and can be set up again', async () => {
  const dataDir = newDataDir()
  const instance = await startInstance(dataDir)
  try {
    const [start, ...commands] = fenced('sh')
    expect(start).toBe('npm start')
    let printed = ''
    for (const command of [...commands, ...commands]) {
      const [program = '', ...words] = command.split(' ')
      printed = (await run(program, [...words, '--', '--data-dir', dataDir])).stdout
    }
    expect(printed.trim().split('\n')).toEqual(fenced('text'))
  } finally {
    await instance.stop()
    removeDataDir(dataDir)
  }
}, 120_000)
