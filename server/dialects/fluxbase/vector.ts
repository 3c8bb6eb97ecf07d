/** Vectors: whether the database has them, and the rows that are nearest to one. */
import { z } from 'zod'
import { forbidden, invalid, unavailable } from '#core/errors'
import { manages } from '#domains/accounts'
import type { AppContext } from '#domains/apps'
import { vectorVersion } from '#domains/data'
import type { Http } from '#http/env'
import type { RouteTable } from '#http/routes'
import type { Services } from '#services'
import { type Answer, JSON_TYPE } from './errors.ts'
import type { Scopes } from './guards.ts'
import { answerTo, say } from './tables-errors.ts'
import { dataContext, requireAdmitted } from './tables-request.ts'
import { SearchDocument, searchRows } from './vector-search.ts'

/** What Fluxbase says of vectors that cannot be had. */
export const VECTOR_ANSWERS: Record<string, Answer> = {
  pgvector_missing: [503, 'FEATURE_DISABLED'],
  embedding_unavailable: [503, 'FEATURE_DISABLED', 'Embedding service not configured'],
}

const EmbedDocument = z.object({
  text: z.string().nullish(),
  texts: z.array(z.string()).nullish(),
  model: z.string().nullish(),
  provider: z.string().nullish(),
})

const Capabilities = z.object({
  enabled: z.boolean(),
  pgvector_installed: z.boolean().optional(),
  pgvector_version: z.string().nullish(),
  embedding_enabled: z.boolean().optional(),
  embedding_provider: z.string().nullish(),
  embedding_model: z.string().nullish(),
})

const Embeddings = z.object({
  embeddings: z.array(z.array(z.number())),
  model: z.string(),
  dimensions: z.int(),
})

const Nearest = z.object({
  data: z.array(z.record(z.string(), z.unknown())).describe('Rows, nearest first'),
  distances: z
    .array(z.number().nullable())
    .describe('Of each row; null where there is none, as from a vector of nothing'),
})

export function addVector(routes: RouteTable<Scopes>, services: Services): void {
  routes
    .add(
      {
        method: 'get',
        path: '/api/v1/capabilities/vector',
        access: 'anyone',
        summary: 'Can this app search by vectors?',
        answer: Capabilities,
        docs: { description: 'Whoever manages the app is also told why not.' },
      },
      async ({ c, ctx }) => c.json(await capabilities(ctx), 200, { 'Content-Type': JSON_TYPE }),
    )
    .add(
      {
        method: 'post',
        path: '/api/v1/vector/embed',
        access: 'credential',
        // The contract names none; it asks a model, and keeps nothing.
        scope: 'ai:read',
        summary: 'Make vectors of texts',
        body: EmbedDocument,
        answer: Embeddings,
        docs: { description: 'Answers 503 until an embedding service is configured.' },
      },
      ({ ctx, body }) => embed(ctx, body),
    )
    .add(
      {
        method: 'post',
        path: '/api/v1/vector/search',
        access: 'credential',
        scope: 'tables:read',
        summary: 'The rows that are nearest to a vector',
        body: SearchDocument,
        answer: Nearest,
        docs: { description: 'The caller finds only rows that they may read.' },
      },
      ({ c, ctx, body }) => search(services, { c, ctx }, body),
    )
}

async function capabilities(ctx: AppContext): Promise<z.input<typeof Capabilities>> {
  const version = await vectorVersion(ctx.databases.platform)
  const enabled = version !== undefined
  if (!manages(ctx.caller, ctx.app)) return { enabled }
  return {
    enabled,
    pgvector_installed: enabled,
    pgvector_version: version ?? null,
    embedding_enabled: false,
    embedding_provider: null,
    embedding_model: null,
  }
}

/** @throws `forbidden` insufficient_permissions, `invalid` tables_input, `unavailable` embedding_unavailable */
function embed({ caller, app }: AppContext, asked: z.output<typeof EmbedDocument>): never {
  const { text, texts, provider } = asked
  if (provider && !manages(caller, app)) {
    throw forbidden('insufficient_permissions', 'Insufficient permissions')
  }
  if (![text, ...(texts ?? [])].some(Boolean)) {
    throw invalid('no_text', 'No text provided for embedding')
  }
  throw embeddingUnavailable()
}

const embeddingUnavailable = () =>
  unavailable('embedding_unavailable', 'Embedding service not configured', {
    hint: 'Make the vector elsewhere and send it as "vector".',
  })

type Asked = { c: Http; ctx: AppContext }

async function search(
  services: Services,
  { c, ctx }: Asked,
  document: SearchDocument,
): Promise<Response> {
  if (document.vector === undefined && document.query) throw embeddingUnavailable()
  try {
    requireAdmitted(ctx)
    const found = await searchRows(dataContext(services, c, ctx), document)
    return c.json(found, 200, { 'Content-Type': JSON_TYPE })
  } catch (error) {
    const said = answerTo(error, { method: 'GET', anonymous: ctx.identity.role === 'anon' })
    if (!said) throw error
    return say(c, said)
  }
}
