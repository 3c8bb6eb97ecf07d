import pg from 'pg'
import { expect, test } from 'vitest'
import type { AppError } from '#core/errors'
import { fromConnection, fromDatabase, isDiskFull } from './sqlstate.ts'

/** As the server writes it: where an error comes from is told by the file of its source. */
function errorOf(code: string, file: string): AppError {
  const error = new pg.DatabaseError('parse error - invalid geometry', 0, 'error')
  return fromDatabase(Object.assign(error, { code, file })) as AppError
}

test.each(['lwgeom_pg.c', 'lwgeom_transform.c', 'geography_measurement.c', 'gserialized_typmod.c'])(
  'what PostGIS cannot take (%s) is the caller’s, though its state is that of a fault',
  (file) => {
    expect(errorOf('XX000', file)).toMatchObject({ kind: 'invalid', code: 'data_exception' })
  },
)

test.each(['pl_exec.c', 'execMain.c', 'vector.c', ''])(
  'a fault from elsewhere (%s) is one',
  (file) => {
    expect(errorOf('XX000', file)).toMatchObject({ kind: 'internal', code: 'database_error' })
  },
)

test('a fault that PostGIS has noticed with another state is one', () => {
  expect(errorOf('XX001', 'lwgeom_pg.c')).toMatchObject({ kind: 'internal' })
})

test.each([
  ['ENOTFOUND', 'getaddrinfo ENOTFOUND db.internal'],
  ['EAI_AGAIN', 'getaddrinfo EAI_AGAIN db.internal'],
  ['EHOSTUNREACH', 'connect EHOSTUNREACH 10.0.0.1:5432'],
  ['ENETUNREACH', 'connect ENETUNREACH 10.0.0.1:5432'],
  ['CERT_HAS_EXPIRED', 'certificate has expired'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames"],
  [undefined, 'The server does not support SSL connections'],
])('a server that is not to be reached (%s) is nobody’s mistake', (code, message) => {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code })
  const told = { kind: 'unavailable', message: 'The database cannot be reached', retryAfter: 1 }
  expect(fromConnection(error)).toMatchObject(told)
})

test('a full disk is told from what the app’s own code raises, however deep it lies', () => {
  const full = (file: string) => errorOf('53100', file)
  expect(isDiskFull(full('md.c'))).toBe(true)
  expect(isDiskFull(full('md.c').cause)).toBe(true)
  expect(isDiskFull(full('pl_exec.c'))).toBe(false)
  expect(isDiskFull(errorOf('53200', 'mcxt.c'))).toBe(false)
})
