/**
 * Node's modules inside Deno. Asking the process for them takes about 5 ms less of a cold call than an import or
 * `createRequire`, which load more of Node than is used here.
 */
type Builtins = { getBuiltinModule: (name: string) => unknown }

const { process } = globalThis as unknown as { process: Builtins }
/** The process object itself stays in reach of functions: what it has now is kept. */
const { getBuiltinModule } = process

/** @param name with its scheme: `node:dns` */
export function builtin<T extends object>(name: `node:${string}`): T {
  return Reflect.apply(getBuiltinModule, process, [name]) as T
}
