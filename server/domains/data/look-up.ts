/** One relation of the present catalog. */
import type { Relation } from './catalog.ts'
import { findRelation } from './compile.ts'
import { catalogOf, type DataContext } from './execute.ts'
import type { Target } from './query.ts'

/** Looks again when it is not there, as it may be new. @throws `not_found` table_not_found */
export async function relationOf(ctx: DataContext, target: Target): Promise<Relation> {
  try {
    return findRelation(await catalogOf(ctx), target)
  } catch {
    return findRelation(await catalogOf(ctx, true), target)
  }
}
