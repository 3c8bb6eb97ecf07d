/** Paths of the document, and names of operations made from them. */

/** Paths that differ only in the names of their parameters are one path to OpenAPI: the first spelling counts. */
export function canonicalPaths(paths: readonly string[]): (path: string) => string {
  const spelled = new Map<string, string>()
  for (const path of paths) {
    const shape = shapeOf(path)
    if (!spelled.has(shape)) spelled.set(shape, path)
  }
  return (path) => spelled.get(shapeOf(path)) ?? path
}

const shapeOf = (path: string): string => path.replaceAll(/\{[^}]*\}/g, '{}')

/** Names of the parameters in a path. */
export const parametersIn = (path: string): string[] =>
  [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => name)

/** `DELETE /api-keys/{keyId}` is `delete_api_keys_by_keyId`: the same in every release. */
export function operationIdOf(method: string, path: string): string {
  const words = path.split('/').filter((word) => word !== '')
  const named = words.map((word, at) => {
    const [, name] = /^\{(.+)\}$/.exec(word) ?? []
    if (name === undefined) return word
    return at === words.length - 1 ? `by_${name}` : name
  })
  return [method, ...named].join('_').replaceAll(/[^A-Za-z0-9_]+/g, '_')
}
