/** What kind a function is: what its arguments and its result mean to a call. */
import type { Routine, RoutineArgument } from './catalog.ts'

/** One value a row: of a plain type, or a record of which nothing is known before it is there. */
export const isScalar = ({ outputs, composite, returnBaseType }: Routine): boolean =>
  outputs.length === 0 && (!composite || returnBaseType === 'record')

/** What the column of such a value is called, in filters and orders too. */
export const SCALAR = 'pgrst_scalar'

export const isVoid = ({ returnBaseType, setOf }: Routine): boolean =>
  returnBaseType === 'void' && !setOf

/** The only argument has no name: it is the body as it came. */
export const isSingleUnnamed = (all: readonly RoutineArgument[]): boolean =>
  all.length === 1 && all[0]?.name === ''
