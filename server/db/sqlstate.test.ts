import pg from 'pg'
import { expect, test } from 'vitest'
import type { AppError } from '#core/errors'
import { fromDatabase } from './sqlstate.ts'

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
