/** What a linter cannot see: the layout that CONTRIBUTING.md promises. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readMigrations } from '#db/migrator'

const foldersIn = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name))

function filesIn(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
}

const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.includes('-fixture')

/** TypeScript of the product, without its tests. */
const sources = (...folders: string[]): string[] =>
  folders.flatMap(filesIn).filter((file) => file.endsWith('.ts') && !isTest(file))

const DOMAINS = foldersIn('server/domains')
const DIALECTS = foldersIn('server/dialects')

describe('documents', () => {
  test.each([...DOMAINS, ...DIALECTS])('%s has a README.md of one page', (folder) => {
    const readme = join(folder, 'README.md')
    expect(
      existsSync(readme),
      `${readme} is missing: what it owns, its tables, its operations`,
    ).toBe(true)
    const lines = readFileSync(readme, 'utf8').split('\n').length
    expect(lines).toBeGreaterThan(8)
    expect(lines).toBeLessThan(120)
  })

  test('every domain has a front door that only re-exports', () => {
    for (const folder of DOMAINS) {
      const door = readFileSync(join(folder, 'index.ts'), 'utf8')
      const statements = door.split(/^(?=export|import|const|function|class)/m)
      for (const statement of statements) {
        if (statement.trim() === '') continue
        expect(statement, `${folder}/index.ts`).toMatch(/^(export |\/\*\*|\/\/)/)
        expect(statement).not.toMatch(/^export (const|function|class|async)/)
      }
    }
  })

  test('every decision has its number, and none is missing', () => {
    const files = readdirSync('docs/decisions').filter((file) => file !== 'README.md')
    const numbers = files.toSorted().map((file) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1])
    expect(numbers).toEqual(files.map((_, index) => String(index + 1).padStart(4, '0')))
  })

  test('links between documents arrive', () => {
    const roots = readdirSync('.').filter((file) => file.endsWith('.md'))
    const documents = [...roots, ...['docs', 'server', 'migrations', 'changes'].flatMap(filesIn)]
    const broken = documents
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
          .map(([, target = '']) => join(dirname(file), target))
          .filter((target) => !existsSync(target))
          .map((target) => `${file} -> ${target}`),
      )
    expect(broken).toEqual([])
  })
})

describe('migrations', () => {
  test.each(['migrations/platform', 'migrations/app'])('%s counts 1, 2, 3 …', async (folder) => {
    const found = await readMigrations(folder)
    expect(found.map(({ version }) => version)).toEqual(found.map((_, index) => index + 1))
  })
})

/** A tagged statement, or text handed to a connection. */
const STATEMENT =
  /(?:\b(?:tx|sql|query)(?:<[^`]*>)?|\.query\()\s*[`'"]\s*(?:select|insert|update|delete|with|create|alter|drop|grant|revoke|set|listen|call)\b/i

/** Statements that stand elsewhere, and why. */
const ELSEWHERE: Record<string, string> = {
  'server/domains/apps/cluster.ts': 'holds the lock under which the template is made',
  'server/domains/apps/lifecycle.ts': 'holds the lock under which an app is made',
}

describe('SQL', () => {
  const outside = sources('server/domains', 'server/dialects', 'server/http', 'server/core').filter(
    (file) => !file.endsWith('.sql.ts') && STATEMENT.test(readFileSync(file, 'utf8')),
  )

  test('stands in *.sql.ts only', () => {
    expect(outside.filter((file) => !(file in ELSEWHERE))).toEqual([])
  })

  test('has no exception that is not needed any more', () => {
    expect(Object.keys(ELSEWHERE).filter((file) => !outside.includes(file))).toEqual([])
  })

  test('is never in a dialect, not even in a file of its own', () => {
    expect(sources('server/dialects').filter((file) => file.endsWith('.sql.ts'))).toEqual([])
  })
})

describe('size', () => {
  test('no file is longer than 400 lines', () => {
    const long = sources('server', 'cli', 'tools', 'runtime', 'bench', 'examples').filter(
      (file) => readFileSync(file, 'utf8').trimEnd().split('\n').length > 400,
    )
    expect(long).toEqual([])
  })
})

type Override = { files: string[]; rules: Record<string, unknown> }

describe('import rules', () => {
  const { overrides } = JSON.parse(readFileSync('.oxlintrc.json', 'utf8')) as {
    overrides: Override[]
  }
  const ruled = overrides
    .filter(({ rules }) => 'no-restricted-imports' in rules)
    .flatMap(({ files }) => files)

  const means = foldersIn('server').filter(
    (folder) => !['domains', 'dialects', 'process'].includes(basename(folder)),
  )

  test.each([...DOMAINS, ...means, 'server/dialects', 'cli'])('%s has them', (folder) => {
    expect(ruled).toContain(`${folder}/**`)
  })

  test('name no folder that is not there', () => {
    const gone = ruled.map((files) => files.replace('/**', '')).filter((path) => !existsSync(path))
    expect(gone).toEqual([])
  })
})
