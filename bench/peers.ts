/** Ours beside what others run on the same machine, the same PostgreSQL, the same rows and row security. */
import { EMBED, GRAPHQL_EMBED, LIST, randomId, requestsAs } from './data-cases.ts'
import { newDataDir, removeDataDir, startInstance } from './instance.ts'
import { installPeers, type Peer, startPeer } from './peer.ts'
import type { Row } from './report.ts'
import { prepareSubject, type Subject } from './subject.ts'
import { asking, byTurns } from './turns.ts'

/** How many times as many requests as @supabase/lite, and as PostGraphile. */
const LITE_BAR = 5
const POSTGRAPHILE_BAR = 2.5

export async function benchPeers(): Promise<Row[]> {
  installPeers()
  const dataDir = newDataDir()
  const instance = await startInstance(dataDir, { STEAD_APP_RATE_LIMIT: '-1' })
  try {
    const subject = await prepareSubject(instance)
    return [...(await besideLite(subject)), ...(await besidePostgraphile(subject))]
  } finally {
    await instance.stop()
    removeDataDir(dataDir)
  }
}

const REST_READS: readonly (readonly [name: string, path: () => string])[] = [
  ['get by key', () => `/rest/v1/items?id=eq.${randomId()}`],
  ['list of 20', () => LIST],
  ['list of 20 with embeds both ways', () => EMBED],
]

async function besideLite(subject: Subject): Promise<Row[]> {
  const ours = sideOf(subject)
  const asked = async (origin: string, token: string) => {
    const answer = await fetch(`${origin}${EMBED}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return sameRows(answer)
  }
  const peer = await startPeer(subject, { script: 'lite.mjs', probe: asked })
  try {
    const rows: Row[] = []
    for (const [name, path] of REST_READS) {
      const [mine, their] = [requestsAs(ours.token), requestsAs(peer.token)]
      const row = await byTurns(`rest ${name}, ceiling @supabase/lite`, {
        ours: asking(ours.origin, mine.get(path)),
        theirs: asking(peer.origin, their.get(path)),
      })
      rows.push({ ...row, bar: `ratio >= ${LITE_BAR}`, met: row.ratio >= LITE_BAR })
    }
    return rows
  } finally {
    await peer.stop()
  }
}

const sideOf = ({ instance, token }: Subject): Pick<Peer, 'origin' | 'token'> => ({
  origin: instance.facts.url,
  token,
})

type Operation = { query: string; variables: () => object }

/** The same operations in the words of each: theirs calls a column `id` `rowId`. */
const OPERATIONS: readonly { name: string; ours: Operation; theirs: Operation }[] = [
  {
    name: 'by key',
    ours: {
      query: 'query ($id: Int!) { item(id: $id) { id title done } }',
      variables: () => ({ id: randomId() }),
    },
    theirs: {
      query: 'query ($id: Int!) { item(rowId: $id) { id: rowId title done } }',
      variables: () => ({ id: randomId() }),
    },
  },
  {
    name: 'list of 20 with embeds both ways',
    ours: { query: GRAPHQL_EMBED, variables: () => ({ limit: 20 }) },
    theirs: {
      query: `query ($limit: Int) { items(orderBy: [ROW_ID_DESC], first: $limit) {
        id: rowId title project { id: rowId name } comments { id: rowId body } } }`,
      variables: () => ({ limit: 20 }),
    },
  },
]

const bodyOf = ({ query, variables }: Operation): string =>
  JSON.stringify({ query, variables: variables() })

async function besidePostgraphile(subject: Subject): Promise<Row[]> {
  const ours = sideOf(subject)
  const embed = OPERATIONS.at(-1)
  const asked = async (origin: string, token: string) => {
    const answer = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: embed ? bodyOf(embed.theirs) : '',
    })
    return sameRows(answer)
  }
  const peer = await startPeer(subject, { script: 'postgraphile.mjs', probe: asked })
  try {
    const rows: Row[] = []
    for (const one of OPERATIONS) {
      const mine = requestsAs(ours.token).post('/api/v1/graphql', () => bodyOf(one.ours))
      const their = requestsAs(peer.token).post('/graphql', () => bodyOf(one.theirs))
      const row = await byTurns(`graphql ${one.name}, ceiling PostGraphile`, {
        ours: asking(ours.origin, mine),
        theirs: asking(peer.origin, their),
      })
      rows.push({ ...row, bar: `ratio >= ${POSTGRAPHILE_BAR}`, met: row.ratio >= POSTGRAPHILE_BAR })
    }
    return rows
  } finally {
    await peer.stop()
  }
}

type Embedded = { title: string; project: { name: string }; comments: { body: string }[] }

/** Twenty items with all that hangs on them; anything else would be measured for nothing. */
async function sameRows(answer: Response): Promise<boolean> {
  if (!answer.ok) return false
  const body = (await answer.json()) as Embedded[] | { data: { items: Embedded[] } }
  const items = Array.isArray(body) ? body : body.data.items
  return (
    items.length === 20 &&
    items[0]?.title === 'item 10000' &&
    items.every((one) => one.project.name !== '' && one.comments.length === 3)
  )
}
