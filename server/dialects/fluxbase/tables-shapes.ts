/** GeoJSON in the rows of a write: checked here, because PostGIS has but one word for whatever it cannot read. */
import { geoJsonProblem, type Relation, type Rows } from '#domains/data'
import { invalid } from '#core/errors'

/** @throws `invalid` tables_input */
export function checkShapes({ columns }: Relation, { rows }: Rows): void {
  const spatial = [...columns.values()].filter(({ type }) => SPATIAL.test(type))
  for (const { name } of spatial) {
    for (const row of rows) {
      const problem = isObject(row[name]) ? geoJsonProblem(row[name]) : undefined
      if (problem !== undefined) {
        throw invalid('tables_input', `Invalid GeoJSON for column ${name}: ${problem}`)
      }
    }
  }
}

const SPATIAL = /^(.+\.)?geo(metry|graphy)(\(.*\))?$/

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
