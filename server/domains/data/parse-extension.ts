/** Operands of the operators that extensions bring: vectors for pgvector, GeoJSON for PostGIS. */
import type { OperatorHead, RawValue } from './parse-filter.ts'
import {
  type Condition,
  type Field,
  type Literal,
  SPATIAL_FUNCTIONS,
  type SpatialOperator,
  VECTOR_OPERATORS,
  type VectorOperator,
} from './query.ts'
import type { Scanner } from './scanner.ts'

const isVectorOperator = (word: string): word is VectorOperator =>
  Object.hasOwn(VECTOR_OPERATORS, word)

const isSpatialOperator = (word: string): word is SpatialOperator =>
  Object.hasOwn(SPATIAL_FUNCTIONS, word)

export const isOfExtension = (word: string): boolean =>
  isVectorOperator(word) || isSpatialOperator(word)

type Operation = { field: Field; head: OperatorHead; value: () => RawValue }

/** The condition of an operator of which `isOfExtension` is true. @throws `invalid` parse_error */
export function readOfExtension(scanner: Scanner, { field, head, value }: Operation): Condition {
  const { operator, modifier } = head
  if (modifier !== undefined) scanner.fail(`${operator} without a modifier`)
  if (isVectorOperator(operator)) {
    const to = literal(vectorText(scanner, value().text))
    return { kind: 'near', field, distance: { operator, to } }
  }
  if (!isSpatialOperator(operator)) return scanner.fail('an operator')
  const { text } = value()
  if (operator !== 'st_dwithin') {
    return { kind: 'spatial', field, operator, shape: literal(geoJsonText(scanner, text)) }
  }
  const [, distance, shape] = /^\s*([^,{]*?)\s*,\s*(\{.*)$/s.exec(text) ?? []
  if (
    distance === undefined ||
    shape === undefined ||
    !(isNumber(distance) && Number(distance) >= 0)
  )
    scanner.fail('a distance that is not negative, a comma, and GeoJSON')
  const parts = {
    shape: literal(geoJsonText(scanner, shape ?? '')),
    within: literal(distance ?? ''),
  }
  return { kind: 'spatial', field, operator, ...parts }
}

const literal = (text: string): Literal => ({ text, slot: -1, encoding: 'text' })

const isNumber = (text: string): boolean => /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?$/.test(text)

/** `[1,2]`, `(1,2)` and `1,2` in pgvector's form. @throws `invalid` parse_error */
export function vectorText(scanner: Scanner, text: string): string {
  const trimmed = text.trim()
  const inner = /^\[.*\]$|^\(.*\)$/s.test(trimmed) ? trimmed.slice(1, -1) : trimmed
  const numbers = inner.split(',').map((part) => part.trim())
  if (!numbers.every(isNumber)) scanner.fail('a list of numbers')
  return `[${numbers.join(',')}]`
}

/** How deep positions are nested in each kind of shape. */
const DEPTHS: Record<string, number> = {
  Point: 0,
  MultiPoint: 1,
  LineString: 1,
  MultiLineString: 2,
  Polygon: 2,
  MultiPolygon: 3,
}

/** PostGIS has but one word for whatever it cannot read, so that is told here. @throws `invalid` parse_error */
function geoJsonText(scanner: Scanner, text: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    scanner.fail('GeoJSON')
  }
  const problem = geoJsonProblem(value)
  if (problem !== undefined) scanner.fail(`GeoJSON: ${problem}`)
  return text
}

/** What is wrong with a value as a GeoJSON geometry; undefined when nothing is. */
export function geoJsonProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'an object'
  const { type, coordinates, geometries } = value as Record<string, unknown>
  if (type === 'GeometryCollection') {
    if (!Array.isArray(geometries)) return "missing required 'geometries' field"
    return geometries.map(geoJsonProblem).find((problem) => problem !== undefined)
  }
  const depth = typeof type === 'string' && Object.hasOwn(DEPTHS, type) ? DEPTHS[type] : undefined
  if (depth === undefined) return "unknown 'type'"
  if (coordinates === undefined) return "missing required 'coordinates' field"
  const fit = arePositions(coordinates, depth) && areWhole(type as string, coordinates as Nested)
  return fit ? undefined : "'coordinates' do not fit the type"
}

type Nested = (number | Nested)[]

/** Lines have two positions at least, rings four of which the last is the first. */
function areWhole(type: string, coordinates: Nested): boolean {
  const parts = coordinates as Nested[]
  switch (type) {
    case 'LineString':
      return parts.length >= 2
    case 'Polygon':
      return parts.length > 0 && parts.every(isRing)
    case 'MultiLineString':
      return parts.every((line) => areWhole('LineString', line))
    case 'MultiPolygon':
      return parts.every((polygon) => areWhole('Polygon', polygon))
    default:
      return true
  }
}

const isRing = (ring: Nested): boolean =>
  ring.length >= 4 && JSON.stringify(ring[0]) === JSON.stringify(ring.at(-1))

function arePositions(value: unknown, depth: number): boolean {
  if (!Array.isArray(value)) return false
  if (depth > 0) return value.every((inner) => arePositions(inner, depth - 1))
  return value.length >= 2 && value.length <= 4 && value.every((one) => Number.isFinite(one))
}
