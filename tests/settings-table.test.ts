import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settingsTable } from '../tools/settings-table.ts'

test('docs/configuration.md has every setting exactly as the code has it', () => {
  // Out of date? node tools/settings-table.ts
  expect(readFileSync('docs/configuration.md', 'utf8')).toContain(`\n${settingsTable()}`)
})
