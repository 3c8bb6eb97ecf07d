import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unavailable } from '#core/errors'
import { readConfig } from '../config.ts'
import { explain } from './explain.ts'
import { logFile, openLog } from './logging.ts'

test.runIf(process.platform === 'linux')('a log without room on its disk ends nothing', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'stead-log-'))
  mkdirSync(join(dataDir, 'logs'))
  symlinkSync('/dev/full', logFile(dataDir))
  const log = openLog(readConfig({ env: { STEAD_LOG_LEVEL: 'error' } }), dataDir)
  expect(() => log.error('one')).not.toThrow()
  expect(() => log.error('two')).not.toThrow()
  rmSync(dataDir, { recursive: true })
})

test('a start without room says so, and one without a region', () => {
  const full = Object.assign(new Error('no'), { code: 'ENOSPC', path: '/data', syscall: 'open' })
  expect(explain(full)).toMatch(/^Cannot start: \/data has no room left on its disk \(ENOSPC\)/)
  const lost = unavailable('region_unknown', 'The region eu-west-1 is not configured on this node')
  expect(explain(lost)).toMatch(/^Cannot start: The region eu-west-1 .*name it in STEAD_REGIONS/)
  expect(explain(new Error('unforeseen'))).toMatch(/^\s+at /m)
})
