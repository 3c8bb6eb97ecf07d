/** What the documentation says of the routes of rows. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'

const Row = z.record(z.string(), z.unknown())

const Rows = z.array(Row)

const Deleted = z.object({ deleted: z.literal(true) })

/** What a route answers: the shape, and where it is not 200, the status. */
const told = (shape: z.ZodType, status = 200) => ({
  answers: { [status]: { content: { 'application/json': shape } } },
})

const json = (shape: z.ZodType) => ({ content: { 'application/json': shape } })

const SELECT = { select: 'Columns, with commas between them; all without it' }

/** For owners, who may look at the data as somebody else. */
const AS = {
  headers: {
    'X-Butterbase-As-Role': z
      .enum(['anon', 'user'])
      .describe('For owners: to ask as one of these would'),
    'X-Butterbase-As-User': 'For owners: the id of the user to ask as',
  },
} as const satisfies RouteDocs

const FILTERS =
  'Filters are further parameters, `column=operator.value`, with one of `eq neq gt gte lt lte like ilike is in fts`.'

const FILTERED: RouteDocs = { ...AS, description: `${FILTERS} At least one is required.` }

export const READ: RouteDocs = {
  ...AS,
  description: FILTERS,
  query: {
    ...SELECT,
    order:
      '`column.asc|desc`, several with commas; a filter where a column has the name and an operator follows',
    limit: z.int().min(0).describe('Rows at most'),
    offset: z.int().min(0).describe('Rows to skip'),
  },
  ...told(Rows),
}

export const READ_ONE: RouteDocs = { ...AS, query: SELECT, ...told(Row) }

export const INSERT: RouteDocs = {
  ...AS,
  description: 'Columns that the table does not have are dropped.',
  ...json(z.union([Row, Rows])),
  ...told(z.union([Row, Rows]).describe('One row for an object, a list of them for a list'), 201),
}

export const UPDATE: RouteDocs = { ...FILTERED, ...json(Row), ...told(Rows) }

export const UPDATE_ONE: RouteDocs = { ...AS, ...json(Row), ...told(Row) }

export const DELETE: RouteDocs = { ...FILTERED, ...told(Deleted.extend({ count: z.int() })) }

export const DELETE_ONE: RouteDocs = { ...AS, ...told(Deleted) }
