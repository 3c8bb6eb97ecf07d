/** The tour of the README, copied and pasted into one shell. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startProcess, temporaryFolder } from './stead-process.ts'

test('the five minutes of the README work as they stand', async () => {
  using folder = temporaryFolder()
  const dataDir = join(folder.path, '.stead')
  await using _ = await startProcess({ dataDir })
  const [, tour = ''] =
    /^## Five minutes$([^]*?)^## /m.exec(readFileSync('README.md', 'utf8')) ?? []
  const blocks = [...tour.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block)
  expect(blocks.length).toBeGreaterThan(5)

  const said = execFileSync('sh', ['-e'], {
    input: blocks.join('\necho\n'),
    env: { ...process.env, STEAD_DATA_DIR: dataDir },
    encoding: 'utf8',
    stdio: 'pipe',
  })

  expect(said).toContain('"applied":1')
  expect(said).toContain('"email":"ada@example.com"')
  // As Ada, then as nobody, then as Ada through another dialect.
  expect(said).toContain('[{"title":"Try Stead","done":false}][][{"title":"Try Stead"}]')
  expect(said).toContain('{"open":1}')
  expect(said).toMatch(/"logs":\[\{.*asked by/)
  expect(said).not.toContain('"error":{')
})
