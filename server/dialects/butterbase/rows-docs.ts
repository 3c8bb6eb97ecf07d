/** What the documentation says of the routes of rows. */
import { z } from 'zod'
import type { RouteDocs } from '#http/about'

const Row = z.record(z.string(), z.unknown())

const json = (shape: z.ZodType) => ({ content: { 'application/json': shape } })

const SELECT = { select: 'Columns, with commas between them; all without it' }

/** For owners, who may look at the data as somebody else. */
export const AS: RouteDocs = {
  headers: {
    'X-Butterbase-As-Role': 'For owners: `anon` or `user`, to ask as one of these would',
    'X-Butterbase-As-User': 'With the role `user`: the id of that user',
  },
}

export const FILTERED: RouteDocs = {
  ...AS,
  description:
    'Filters are further parameters, `column=operator.value`, with one of `eq neq gt gte lt lte like ilike is in fts`. At least one is required.',
}

export const READ: RouteDocs = {
  ...AS,
  description:
    'Filters are further parameters, `column=operator.value`, with one of `eq neq gt gte lt lte like ilike is in fts`.',
  query: {
    ...SELECT,
    order: '`column.asc|desc`, several with commas',
    limit: 'Rows at most',
    offset: 'Rows to skip',
  },
}

export const ONE: RouteDocs = { ...AS, query: SELECT }

export const INSERT: RouteDocs = {
  ...AS,
  description: 'Columns that the table does not have are dropped.',
  ...json(z.union([Row, z.array(Row)])),
  status: 201,
}

export const UPDATE: RouteDocs = { ...FILTERED, ...json(Row) }

export const UPDATE_ONE: RouteDocs = { ...AS, ...json(Row) }
