/** Write plans as SQL: the change in a common table expression, its rows read like any table. */
import type { Relation } from './catalog.ts'
import { writeConditions } from './condition.sql.ts'
import { takesShapes, writeShapeGiven } from './extensions.sql.ts'
import type { DeletePlan, InsertPlan, PlanItem, UpdatePlan, WritePlan } from './plan.ts'
import type { Payload } from './query.ts'
import { writeSelect } from './read.sql.ts'
import {
  outputNames,
  type ResultColumn,
  writeBody,
  writeGuards,
  writeResponseSettings,
} from './result.sql.ts'
import type { SqlWriter } from './sql-writer.ts'

/** Writes the whole statement and says what its result row holds. */
export function writeChange(
  sql: SqlWriter,
  plan: InsertPlan | UpdatePlan | DeletePlan,
): ResultColumn[] {
  sql.add('with changed as (')
  if (plan.kind === 'insert') writeInsert(sql, plan)
  else if (plan.kind === 'update') writeUpdate(sql, plan)
  else writeDelete(sql, plan)
  sql.add(') ')
  return writeAnswer(sql, plan)
}

const countsInserted = (plan: WritePlan & { kind: string }): plan is InsertPlan =>
  plan.kind === 'insert' &&
  (plan as InsertPlan).conflictColumns !== undefined &&
  plan.read.relation.kind === 'table' &&
  plan.read.relation.partitioned !== true

function writeAnswer(sql: SqlWriter, plan: InsertPlan | UpdatePlan | DeletePlan): ResultColumn[] {
  const { output, wantKey, maxAffected } = plan.options
  const columns: ResultColumn[] = ['body', 'rows', 'headers', 'status']
  sql.add('select ')
  writeBody(sql, output, outputNames(plan.read))
  sql.add(', count(*)')
  const affected = mayDiffer(plan) ? CHANGED : undefined
  writeGuards(sql, { output, maxAffected, affected })
  writeResponseSettings(sql)
  if (wantKey) {
    columns.push('key')
    writeKey(sql, plan.read.relation)
  }
  if (countsInserted(plan)) {
    columns.push('inserted')
    sql.add(', (select count(*) filter (where stead_inserted) from changed)')
  }
  if (affected !== undefined) {
    columns.push('changed')
    sql.add(`, ${affected}`)
  }
  writeAnswerRows(sql, plan)
  return columns
}

/** What the answer is made of: the changed rows as such, or what was asked of them. */
function writeAnswerRows(sql: SqlWriter, plan: InsertPlan | UpdatePlan | DeletePlan): void {
  if (plan.options.output.format === 'none') {
    sql.add(' from changed as t')
    return
  }
  sql.add(' from (')
  const read = { ...plan.read, where: [], limit: undefined, offset: undefined }
  const shown = countsInserted(plan) ? withoutMark(read) : read
  writeSelect(sql, shown, (source) => source.add('changed'))
  sql.add(') as t')
}

const CHANGED = '(select count(*) from changed)'

/** The rows of the answer are not those that were changed: groups of them, or only those with related rows. */
const mayDiffer = ({ read, options }: WritePlan): boolean =>
  options.output.format !== 'none' &&
  (read.groupBy !== undefined ||
    read.items.some((item) => item.kind === 'field' && item.aggregate !== undefined) ||
    read.embeds.some(({ inner }) => inner))

/** `*` would show our own column beside the table's. */
function withoutMark(read: WritePlan['read']): WritePlan['read'] {
  const columns = [...read.relation.columns.keys()].map(columnItem)
  return { ...read, items: read.items.flatMap((item) => (item.kind === 'all' ? columns : item)) }
}

const columnItem = (name: string): PlanItem => ({
  kind: 'field',
  field: { name, path: [] },
  as: name,
})

/** The key of the only changed row as a JSON object of texts. */
function writeKey(sql: SqlWriter, { primaryKey }: Relation): void {
  if (primaryKey.length === 0) {
    sql.add(', null')
    return
  }
  sql.add(', (select json_build_object(')
  sql.list(primaryKey, ', ', (name) => {
    sql.constant(name, 'text').add(', changed.').name(name).add('::text')
  })
  sql.add(') from changed limit 1)')
}

function writeReturning(sql: SqlWriter, plan: WritePlan & { kind: string }): void {
  const { returning, read } = plan
  sql.add(' returning ')
  if (returning === undefined) sql.name(read.alias).add('.*')
  else if (returning.length === 0) sql.add('1')
  else sql.list(returning, ', ', (name) => sql.name(read.alias, name))
  if (countsInserted(plan)) sql.add(', ').name(read.alias, 'xmax').add(' = 0 as stead_inserted')
}

function writeTarget(sql: SqlWriter, { read }: WritePlan): void {
  sql.name(read.relation.schema, read.relation.name).add(' as ').name(read.alias)
}

function writeInsert(sql: SqlWriter, plan: InsertPlan): void {
  const { columns } = plan.payload
  const { relation } = plan.read
  sql.add('insert into ')
  writeTarget(sql, plan)
  if (columns.length === 0) writeDefaults(sql, plan)
  else {
    sql
      .add(' (')
      .list(columns, ', ', (name) => sql.name(name))
      .add(')')
    sql.add(' select ')
    sql.list(columns, ', ', (name) => writeIncoming(sql, relation, { name, payload: plan.payload }))
    sql.add(' from ')
    writeRecords(sql, relation, plan.payload)
    if (plan.given) {
      sql.add(' where ')
      writeConditions(sql, { relation, alias: 'incoming' }, plan.given)
    }
  }
  writeConflict(sql, plan)
  writeReturning(sql, plan)
}

/** As many default rows as there are objects. */
function writeDefaults(sql: SqlWriter, { payload, read }: InsertPlan): void {
  const columns = [...read.relation.columns.values()]
  const own = columns.find(({ generated, identity }) => !generated && !identity)
  const column = own ?? columns.find(({ identity }) => identity)
  if (payload.shape === 'object' || !column) {
    sql.add(' default values')
    return
  }
  sql.add(' (').name(column.name).add(')')
  // The value of an identity column is then made as if none had been given.
  sql.add(own ? ` select ${own.defaultSql ?? 'null'}` : ' overriding user value select null')
  sql.add(' from json_array_elements(').bind(payload.json, 'json').add(')')
}

/** A value as it came in; that of a domain with its own form is read by the domain's function. */
function writeGiven(sql: SqlWriter, relation: Relation, name: string): void {
  const column = relation.columns.get(name)
  const form = column?.form?.fromJson
  const write = () => sql.name('incoming', name)
  if (form) sql.add(`${form}(`).name('incoming', name).add(')')
  else if (takesShapes(column)) writeShapeGiven(sql, { name, column, write })
  else write()
}

/** A row that lacks the key takes the column's default. */
function writeIncoming(
  sql: SqlWriter,
  relation: Relation,
  { name, payload }: { name: string; payload: Payload },
): void {
  const { defaultSql } = relation.columns.get(name) ?? { defaultSql: null }
  if (!payload.ragged || defaultSql === null) {
    writeGiven(sql, relation, name)
    return
  }
  sql.add('case when incoming.stead_given ? ').constant(name, 'text')
  sql.add(' then ')
  writeGiven(sql, relation, name)
  sql.add(` else ${defaultSql} end`)
}

/** The payload's rows with the types of the columns. */
function writeRecords(sql: SqlWriter, relation: Relation, payload: Payload): void {
  const { shape, json, columns, ragged } = payload
  if (ragged) {
    sql.add('(select given.value as stead_given, r.* from jsonb_array_elements(')
    if (shape === 'object') sql.add('jsonb_build_array(').bind(json, 'jsonb').add(')')
    else sql.bind(json, 'jsonb')
    sql.add(') as given, jsonb_to_record(given.value) as r')
  } else {
    sql.add(shape === 'object' ? 'json_to_record(' : 'json_to_recordset(')
    sql.bind(json, 'json').add(') as incoming')
  }
  sql.add('(').list(columns, ', ', (name) => {
    const column = relation.columns.get(name)
    const asJson = column?.form?.fromJson || takesShapes(column)
    sql.name(name).add(` ${asJson ? 'json' : (column?.type ?? 'text')}`)
  })
  sql.add(ragged ? ')) as incoming' : ')')
}

function writeConflict(sql: SqlWriter, plan: InsertPlan): void {
  const { conflictColumns, request, read } = plan
  if (!request.conflict || !conflictColumns) return
  sql
    .add(' on conflict (')
    .list(conflictColumns, ', ', (name) => sql.name(name))
    .add(') do ')
  const given = plan.payload.columns.filter((name) => !conflictColumns.includes(name))
  const absent = request.resetMissing ? resettable(plan, conflictColumns) : []
  if (request.conflict.action === 'ignore' || plan.payload.columns.length === 0) {
    sql.add('nothing')
    return
  }
  sql.add('update set ')
  // A row of nothing but its key is written again, so that it comes back.
  const set = given.length + absent.length > 0 ? given : conflictColumns
  sql.list(set, ', ', (name) => sql.name(name).add(' = excluded.').name(name))
  if (given.length > 0 && absent.length > 0) sql.add(', ')
  sql.list(absent, ', ', (name) => {
    sql.name(name).add(` = ${read.relation.columns.get(name)?.defaultSql ?? 'null'}`)
  })
}

const resettable = ({ read, payload }: InsertPlan, target: readonly string[]): string[] =>
  [...read.relation.columns.values()]
    .filter(({ generated, identity }) => !generated && !identity)
    .map(({ name }) => name)
    .filter((name) => !payload.columns.includes(name) && !target.includes(name))

/** Without any value nothing changes, and no row comes back. */
function writeUpdate(sql: SqlWriter, plan: UpdatePlan): void {
  const { payload, read, matchOn } = plan
  const set = payload.columns.filter((name) => !matchOn.includes(name))
  if (set.length === 0) {
    sql.add('select ').name(read.alias).add('.* from ')
    writeTarget(sql, plan)
    sql.add(' where false')
    return
  }
  sql.add('update ')
  writeTarget(sql, plan)
  sql.add(' set ')
  sql.list(set, ', ', (name) => writeSet(sql, plan, name))
  sql.add(' from ')
  writeRecords(sql, read.relation, payload)
  if (matchOn.length > 0) writeMatch(sql, plan)
  else writeWhere(sql, plan)
  writeReturning(sql, plan)
}

/** A row that lacks the key keeps its value. */
function writeSet(sql: SqlWriter, { payload, read, resetMissing }: UpdatePlan, name: string): void {
  sql.name(name).add(' = ')
  if (!payload.ragged) {
    writeGiven(sql, read.relation, name)
    return
  }
  sql.add('case when incoming.stead_given ? ').constant(name, 'text').add(' then ')
  writeGiven(sql, read.relation, name)
  sql.add(' else ')
  if (resetMissing) sql.add(read.relation.columns.get(name)?.defaultSql ?? 'null')
  else sql.name(read.alias, name)
  sql.add(' end')
}

function writeMatch(sql: SqlWriter, { matchOn, read }: UpdatePlan): void {
  sql.add(' where ').list(matchOn, ' and ', (name) => {
    sql.name(read.alias, name).add(' = ').name('incoming', name)
  })
  if (read.where.length === 0) return
  sql.add(' and ')
  writeConditions(sql, read, read.where)
}

function writeDelete(sql: SqlWriter, plan: DeletePlan): void {
  sql.add('delete from ')
  writeTarget(sql, plan)
  writeWhere(sql, plan)
  writeReturning(sql, plan)
}

/** With a limit, the rows are chosen first: in the given order, else by key. */
function writeWhere(sql: SqlWriter, plan: UpdatePlan | DeletePlan): void {
  const { read } = plan
  const { where, limit, offset } = read
  if (!limit && !offset) {
    if (where.length === 0) return
    sql.add(' where ')
    writeConditions(sql, read, where)
    return
  }
  const keyOrder = read.relation.primaryKey.map((name) => ({ field: { name, path: [] } }))
  const chosen = { ...read, alias: 'chosen', items: [], embeds: [] }
  const order = read.order.length > 0 ? read.order : keyOrder
  if (read.relation.partitioned) {
    // Rows of two partitions may stand at the same place.
    const place = ['tableoid', 'ctid'] as const
    sql.add(' where (').list(place, ', ', (name) => sql.name(read.alias, name))
    sql.add(') in (')
    writeSelect(sql, { ...chosen, items: place.map(columnItem), order })
    sql.add(')')
    return
  }
  sql.add(' where ').name(read.alias, 'ctid').add(' = any (array(')
  writeSelect(sql, { ...chosen, items: [columnItem('ctid')], order })
  sql.add('))')
}
