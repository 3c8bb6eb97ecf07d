/** Turns source text into a handler. */
import type { Handler } from './invocation.ts'

export type Found = { handler: Handler | undefined }

/** TypeScript and JavaScript alike; the address says nothing about any file. */
export async function importHandler(source: string | Uint8Array): Promise<Found> {
  const blob = new Blob([source as BlobPart], { type: 'application/typescript' })
  const url = URL.createObjectURL(blob)
  try {
    const module = await import(url)
    const handler = [module.default, module.handler].find((found) => typeof found === 'function')
    return { handler }
  } finally {
    URL.revokeObjectURL(url)
  }
}
