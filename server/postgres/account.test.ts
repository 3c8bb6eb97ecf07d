import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  canReach,
  closedFolder,
  firstReachable,
  parsePasswd,
  permits,
  serverAccount,
  truePath,
} from './account.ts'
import { tempFolder } from './cluster-fixture.ts'

const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 }

test('serverAccount is somebody exactly when we are root, and never root', () => {
  const account = serverAccount()

  expect(account !== undefined).toBe(process.getuid?.() === 0)
  expect(account?.uid).not.toBe(0)
})

test('parsePasswd reads users and leaves out root and what it cannot read', () => {
  const text =
    'root:x:0:0::/root:/bin/sh\n# note\n\nnobody:x:65534:65533::/:/x\nodd:x:a:b\ntoor:x:0:0::/:/x\n'

  expect(parsePasswd(text)).toEqual([{ name: 'nobody', uid: 65_534, gid: 65_533 }])
})

test('closedFolder names the outermost folder without a way in', () => {
  using folder = tempFolder()
  const inner = join(folder.path, 'outer', 'inner')
  mkdirSync(inner, { recursive: true, mode: 0o755 })
  chmodSync(join(folder.path, 'outer'), 0o711)
  expect(closedFolder(join(inner, 'later', 'still'), stranger)).toBeUndefined()

  chmodSync(inner, 0o700)
  expect(closedFolder(join(inner, 'later'), stranger)).toBe(inner)
  chmodSync(join(folder.path, 'outer'), 0o750)
  expect(closedFolder(join(inner, 'later'), stranger)).toBe(join(folder.path, 'outer'))
  expect(closedFolder(inner, undefined)).toBeUndefined()
})

test('permits asks the bits of the owner, of the group, of others', () => {
  using folder = tempFolder()
  const file = join(folder.path, 'file')
  writeFileSync(file, '')
  chmodSync(file, 0o142)
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]

  expect(permits(file, { ...stranger, uid }, 1)).toBe(true)
  expect(permits(file, { ...stranger, gid }, 4)).toBe(true)
  expect(permits(file, { ...stranger, gid }, 1)).toBe(false)
  expect(permits(file, stranger, 2)).toBe(true)
  expect(permits(file, stranger, 4)).toBe(false)
})

test('firstReachable skips folders where a cluster could not live', () => {
  using folder = tempFolder()
  const closed = join(folder.path, 'closed')
  mkdirSync(closed, { mode: 0o500 })
  const candidates = [join(closed, 'pg'), join(folder.path, 'pg'), '/']

  expect(canReach(join(closed, 'pg'))).toBe(false)
  expect(firstReachable(candidates)).toBe(join(folder.path, 'pg'))
  expect(firstReachable([join(closed, 'pg')])).toBeUndefined()
})

test('truePath follows links as far as the path exists', () => {
  using folder = tempFolder()
  mkdirSync(join(folder.path, 'real'))
  symlinkSync('real', join(folder.path, 'link'))

  expect(truePath(join(folder.path, 'link', 'a', '..', 'b'))).toBe(join(folder.path, 'real', 'b'))
})
