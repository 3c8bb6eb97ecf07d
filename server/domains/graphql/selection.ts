/** Which fields a selection set asks for, fragments and directives resolved. */
import {
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { limitExceeded } from './limits.ts'
import type { Given } from './inputs.ts'

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** One field of the answer: all places that ask for it under this name. */
export type Selected = { key: string; node: FieldNode; sets: readonly SelectionSetNode[] }

export type Selecting = { fragments: Fragments; given: Given }

/** PostgreSQL cuts longer names. */
const MAX_KEY = 63

/** In the order of the text. @param typeName fragments on another type give nothing */
export function selectedIn(
  sets: readonly SelectionSetNode[],
  typeName: string,
  selecting: Selecting,
): Selected[] {
  const found = new Map<string, { node: FieldNode; sets: SelectionSetNode[] }>()
  const visit = (selection: SelectionNode): void => {
    if (!isIncluded(selection.directives, selecting.given)) return
    if (selection.kind !== Kind.FIELD) {
      const set = fragmentOf(selection, typeName, selecting.fragments)
      set?.selections.forEach(visit)
      return
    }
    const key = selection.alias?.value ?? selection.name.value
    if (key.length > MAX_KEY) {
      throw limitExceeded(
        `the name "${key.slice(0, 20)}…" is longer than ${MAX_KEY} characters: use an alias`,
      )
    }
    const entry = found.get(key) ?? { node: selection, sets: [] }
    if (selection.selectionSet) entry.sets.push(selection.selectionSet)
    found.set(key, entry)
  }
  for (const set of sets) set.selections.forEach(visit)
  return [...found].map(([key, entry]) => ({ key, ...entry }))
}

function fragmentOf(
  selection: Exclude<SelectionNode, FieldNode>,
  typeName: string,
  fragments: Fragments,
): SelectionSetNode | undefined {
  const fragment =
    selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
  const on = fragment?.typeCondition?.name.value
  return on === undefined || on === typeName ? fragment?.selectionSet : undefined
}

function isIncluded(directives: readonly DirectiveNode[] | undefined, given: Given): boolean {
  return (directives ?? []).every(({ name, arguments: given_ }) => {
    const value = given_?.find((one) => one.name.value === 'if')?.value
    const condition =
      value?.kind === Kind.VARIABLE
        ? given.variables.coerced[value.name.value] === true
        : value?.kind === Kind.BOOLEAN && value.value
    if (name.value === 'skip') return !condition
    return name.value !== 'include' || condition
  })
}
