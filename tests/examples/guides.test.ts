/** The guides that are told in commands, copied and pasted into one shell; and where every link of the documents leads. */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApp, type TestApp } from '#support/app'

let app: TestApp
const folder = mkdtempSync(join(tmpdir(), 'stead-guides-'))

beforeAll(async () => {
  app = await startApp()
})
afterAll(async () => {
  await app?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

type Step = { commands: string; printed: string | undefined }

/** Commands, and what they print where the page says so. */
const stepsOf = (page: string): Step[] =>
  [...page.matchAll(/^```sh\n([^]*?)^```\n(?:```text\n([^]*?)^```\n)?/gm)].map(
    ([, commands = '', printed]) => ({ commands, printed: printed?.trim() }),
  )

const MARK = '--- next ---'

/** Each step's output, in one shell; making the app is the only line that is done beforehand. */
async function paste(steps: readonly Step[]): Promise<string[]> {
  const script = steps
    .map(({ commands }) => commands.replace(/^eval "\$\(npx stead init .*\)"$/m, ''))
    .join(`\necho; echo '${MARK}'\n`)
  const env = {
    ...process.env,
    API_URL: app.url,
    APP_ID: app.appId,
    ANON_KEY: app.anonKey,
    SERVICE_KEY: app.serviceKey,
  }
  const { stdout } = await promisify(execFile)('sh', ['-ec', script], { cwd: folder, env })
  return stdout.split(MARK).map((text) => text.trim())
}

describe.each(['docs/sign-in.md', 'docs/functions.md'])('%s', (path) => {
  test('works as it stands, and prints what it says', async () => {
    const steps = stepsOf(readFileSync(path, 'utf8'))
    expect(steps[0]?.commands).toMatch(/^eval "\$\(npx stead init [a-z-]+ --env\)"$/m)
    const printed = await paste(steps)
    expect(printed).toHaveLength(steps.length)
    for (const [at, step] of steps.entries()) {
      if (step.printed === undefined) expect(printed[at]).not.toContain('"error"')
      else expect(printed[at], step.commands).toBe(step.printed)
    }
  })
})

test('docs/supabase.md: its tables and its program, with the client as it is published, give the row that was written', async () => {
  const page = readFileSync('docs/supabase.md', 'utf8')
  const block = (language: string): string =>
    new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'm').exec(page)?.[1] ?? ''
  await app.sql(block('sql'))
  const program = block('js')
    .replace('http://127.0.0.1:8080', app.url)
    .replace('…', app.anonKey)
    .replace('ada@', 'ada.of.supabase@')
  const last = 'console.log(JSON.stringify({ data, error }))'
  const argv = ['--input-type=module', '-e', `${program}\n${last}`]
  const { stdout } = await promisify(execFile)(process.execPath, argv)
  expect(JSON.parse(stdout)).toEqual({ data: [{ id: 1, title: 'Try Stead' }], error: null })
})

const documents = globSync('**/*.md', { exclude: (path) => path.includes('node_modules') })

/** As the usual viewers of Markdown make it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const anchorsIn = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading.trim()))

/** Links outside code, as they are written. */
const linksIn = (text: string): string[] =>
  [
    ...text
      .replaceAll(/^```[^]*?^```/gm, '')
      .replaceAll(/`[^`\n]*`(?!\])/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = '']) => target)

const isLost = (from: string, link: string): boolean => {
  if (/^https?:/.test(link)) return false
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? from : resolve(dirname(from), path)
  if (!existsSync(target)) return true
  return anchor !== undefined && !anchorsIn(readFileSync(target, 'utf8')).includes(anchor)
}

test('every link of the documents leads to a file that is there, and to a heading in it', () => {
  const lost = documents.flatMap((from) => {
    const links = linksIn(readFileSync(from, 'utf8'))
    return links.filter((link) => isLost(from, link)).map((link) => `${from}: ${link}`)
  })
  expect(lost).toEqual([])
})

test('every guide can be found from the README', () => {
  const reached = new Set(['README.md'])
  for (const from of reached) {
    for (const link of linksIn(readFileSync(from, 'utf8'))) {
      const target = join(dirname(from), link.split('#')[0] ?? '')
      if (documents.includes(target)) reached.add(target)
    }
  }
  const guides = documents.filter((path) => /^docs\/(?!errors\/)/.test(path))
  expect(guides.filter((path) => !reached.has(path))).toEqual([])
})

/** Every route of Stead that a text names, `GET /apps` and its kin, with its method. */
const namedIn = (text: string): { method: string; path: string }[] =>
  [...text.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[^\s`"')|,;?]*)/g)].flatMap(
    ([, method = '', path = '']) => {
      const whole = path.replace(/[.:]$/, '')
      return whole.includes('…') || whole.includes('*') ? [] : [{ method, path: whole }]
    },
  )

/** The tables of examples: any other word at their place is meant as a route. */
const OF_TABLES = /^\/v1\/[^/]+\/(?:todos|posts|events|orders|comments)\b/

/** A route as a pattern: what stands for a parameter may be a name in braces, too. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+').replaceAll('.', '\\.')}/?$`)

test('every route that the documents name is there', () => {
  const { routes } = app.instance.router
  const isThere = ({ method, path }: { method: string; path: string }): boolean =>
    ['', '/api/v1', '/rest/v1'].some((base) =>
      routes.some(
        (route) =>
          (!route.path.startsWith('/v1/{app_id}/{table}') || OF_TABLES.test(path)) &&
          (route.method === 'all' || route.method.toUpperCase() === method) &&
          patternOf(route.path).test(base + path),
      ),
    )
  const missing = documents
    .filter((path) => !path.startsWith('bench/') && !path.startsWith('changes/'))
    .flatMap((from) =>
      namedIn(readFileSync(from, 'utf8'))
        .filter((named) => !isThere(named))
        .map(({ method, path }) => `${from}: ${method} ${path}`),
    )
  expect(missing).toEqual([])
})

/** Made of parts: no source holds them whole. */
const COMPOSED = ['unknown-scope', 'validation-invalid-type']

test('the advice that an error page quotes is what the code says', () => {
  const read = (path: string): string => readFileSync(path, 'utf8')
  const sources = globSync('server/**/*.ts', { exclude: (path) => path.endsWith('.test.ts') })
  const code = sources
    .map(read)
    .join('\n')
    .replaceAll(/\\(?=['"`])/g, '')
  const quotes = globSync('docs/errors/*.md').flatMap((path) => {
    const said = /"remediation": "(.+)"$/m.exec(read(path))?.[1]?.replaceAll('\\"', '"')
    return said === undefined || COMPOSED.some((name) => path.includes(name))
      ? []
      : [{ path, said }]
  })
  expect(quotes.length).toBeGreaterThan(30)
  expect(quotes.filter(({ said }) => !code.includes(said))).toEqual([])
})
