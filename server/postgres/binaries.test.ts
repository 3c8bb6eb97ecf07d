import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serverAccount } from './account.ts'
import {
  copyForAll,
  findPackage,
  makeSymlinks,
  type NativePackage,
  prepareBinaries,
} from './binaries.ts'
import { tempFolder } from './cluster-fixture.ts'

const COPY = `stead-postgres-linux-test-1.2.3-${process.getuid?.()}`

/** The package as it lies there when npm has not run its install script. */
function bareCopy(folder: string): NativePackage {
  const native = join(folder, 'package', 'native')
  cpSync(findPackage().folder, native, {
    recursive: true,
    filter: (path) => !lstatSync(path).isSymbolicLink() && !/\.a$|tsearch_data/.test(path),
  })
  return { folder: native, label: 'linux-test-1.2.3' }
}

const links = (native: string) =>
  (JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[]).map(
    ({ target }) => join(native, '..', target),
  )

test('prepareBinaries makes the links that an install script should have made', async () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)
  expect(links(bare.folder).some((link) => existsSync(link))).toBe(false)

  const binaries = await prepareBinaries(serverAccount(), bare)

  expect(links(bare.folder).every((link) => existsSync(link))).toBe(true)
  expect(binaries.version).toMatch(/^18\.\d+$/)
  expect(binaries.postgres).toBe(join(bare.folder, 'bin', 'postgres'))
})

test('prepareBinaries works for several at once', async () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)

  const all = await Promise.all(
    Array.from({ length: 4 }, () => prepareBinaries(serverAccount(), bare)),
  )

  expect(new Set(all.map((one) => one.postgres)).size).toBe(1)
})

test('makeSymlinks is content with links that exist, and tells when one leads nowhere', () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)

  expect(makeSymlinks(bare.folder)).toBe(true)
  expect(makeSymlinks(bare.folder)).toBe(true)
  rmSync(join(bare.folder, 'lib', 'libicuuc.so.60.2'))
  expect(makeSymlinks(bare.folder)).toBe(false)
})

test('copyForAll makes one copy that everybody can run, from files that only we can read', async () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)
  chmodSync(join(bare.folder, 'share', 'postgresql', 'postgres.bki'), 0o600)
  chmodSync(join(bare.folder, 'bin', 'postgres'), 0o700)
  chmodSync(join(bare.folder, '..'), 0o700)
  const root = join(folder.path, 'copies')

  const copy = copyForAll(bare, serverAccount(), [root])
  const again = copyForAll(bare, serverAccount(), [root])

  expect(again).toBe(copy)
  expect(readdirSync(root)).toEqual([COPY])
  expect(statSync(join(copy, 'share', 'postgresql', 'postgres.bki')).mode & 0o777).toBe(0o644)
  expect(statSync(join(copy, 'bin', 'postgres')).mode & 0o777).toBe(0o755)
  const binaries = await prepareBinaries(serverAccount(), { ...bare, folder: copy })
  expect(binaries.version).toMatch(/^18\.\d+$/)
})

test('copyForAll makes a copy anew that has lost a part', () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)
  const copy = copyForAll(bare, serverAccount(), [folder.path])
  writeFileSync(join(copy, 'bin', 'initdb'), '')

  expect(copyForAll(bare, serverAccount(), [folder.path])).toBe(copy)
  expect(statSync(join(copy, 'bin', 'initdb')).size).toBeGreaterThan(10_000)
})

test('copyForAll does not use a copy that others could have changed', () => {
  using folder = tempFolder()
  const bare = bareCopy(folder.path)
  const planted = join(folder.path, COPY)
  mkdirSync(join(planted, 'native', 'bin'), { recursive: true })
  writeFileSync(join(planted, 'native', 'bin', 'postgres'), 'evil')
  chmodSync(planted, 0o777)

  const copy = copyForAll(bare, serverAccount(), [folder.path])

  expect(copy.startsWith(`${planted}/`)).toBe(false)
  expect(readFileSync(join(copy, 'bin', 'postgres')).length).toBeGreaterThan(1_000_000)
})

test('copyForAll says what to do when no place is good', () => {
  using folder = tempFolder()
  const file = join(folder.path, 'file')
  writeFileSync(file, '')

  expect(() =>
    copyForAll({ folder: '/x', label: 'y' }, serverAccount(), [join(file, 'sub')]),
  ).toThrow(
    expect.objectContaining({
      code: 'postgres_unusable',
      hint: expect.stringContaining('STEAD_DATABASE_URL'),
    }),
  )
})

test('prepareBinaries tells when the program does not run on this system', async () => {
  using folder = tempFolder()
  const native = join(folder.path, 'native')
  mkdirSync(join(native, 'bin'), { recursive: true })
  writeFileSync(join(native, 'bin', 'postgres'), '#!/no/such/loader\n')
  chmodSync(join(native, 'bin', 'postgres'), 0o755)

  await expect(
    prepareBinaries(serverAccount(), { folder: native, label: 'z' }),
  ).rejects.toMatchObject({
    code: 'postgres_unusable',
    hint: expect.stringContaining('STEAD_DATABASE_URL'),
  })
})
