/** Makes the app: its table, whose rows belong to whoever wrote them, and its function. */
import { readFileSync } from 'node:fs'
import { call, status } from './api.ts'

const here = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

const { url, platform_key: token } = status()
const { app_id: app } = await call<{ app_id: string }>(`${url}/init`, {
  token,
  body: { name: 'todo' },
})

const { applied } = await call<{ applied: number }>(`${url}/v1/${app}/schema/apply`, {
  token,
  body: { schema: JSON.parse(here('schema.json')) as object },
})
console.log(`schema: ${applied} statements applied`)

await call(`${url}/v1/${app}/rls`, { token, body: { table_name: 'todos', user_column: 'user_id' } })
console.log('rows: everybody sees and changes only their own')

await call(`${url}/v1/${app}/functions`, {
  token,
  body: { name: 'summary', code: here('functions/summary.ts') },
})
console.log(`function: ${url}/v1/${app}/fn/summary`)
