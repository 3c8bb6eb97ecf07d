/** Two people use the app, and neither sees what the other wrote. */
import { call, status } from './api.ts'

type Todo = { id: string; title: string; done: boolean }

const { url, platform_key: key } = status()
const { apps } = await call<{ apps: { id: string; name: string }[] }>(`${url}/apps`, { token: key })
const app = apps.find(({ name }) => name === 'todo')?.id
if (app === undefined) {
  console.error('There is no app "todo" yet. Make it with: npm run -s todo:setup')
  process.exit(1)
}

const password = 'Correct-Horse-7'

/** Signs up, or in when the address is known from an earlier run. */
async function person(name: string): Promise<string> {
  const email = `${name}@example.com`
  await call(`${url}/auth/${app}/signup`, { body: { email, password } }).catch(() => {})
  const session = await call<{ access_token: string }>(`${url}/auth/${app}/login`, {
    body: { email, password },
  })
  return session.access_token
}

const todos = `${url}/v1/${app}/todos`
const ada = await person('ada')
const grace = await person('grace')

const made = await call<Todo>(todos, { token: ada, body: { title: 'Read the notes' } })
await call(todos, { token: ada, body: { title: 'Write the program' } })
await call(`${todos}/${made.id}`, { method: 'PATCH', token: ada, body: { done: true } })

const open = await call<Todo[]>(`${todos}?done=is.false&order=created_at.desc`, { token: ada })
console.log(`ada has to do: ${open.map(({ title }) => title).join(', ')}`)
console.log(`grace sees ${(await call<Todo[]>(todos, { token: grace })).length} todos`)
console.log(`nobody sees ${(await call<Todo[]>(todos)).length} todos`)

const summary = await call<{ all: number; done: number }>(`${url}/v1/${app}/fn/summary`, {
  token: ada,
})
console.log(`ada's summary: ${summary.done} of ${summary.all} done`)

for (const { id } of await call<Todo[]>(todos, { token: ada })) {
  await call(`${todos}/${id}`, { method: 'DELETE', token: ada })
}
console.log('ada has cleared her list')
