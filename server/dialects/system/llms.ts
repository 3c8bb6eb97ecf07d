/** `/llms.txt`: what an agent must know to build on this instance, in one short text that holds no secret. */
import { version } from '#core/version'
import type { Listed } from '#http/routes'
import type { Services } from '#services'

/** The routes do not change while the process runs, so the text is made once. */
export function llmsText(services: Services, listed: Listed): () => string {
  let text: string | undefined
  return () => (text ??= [opening(services), START, dialects(listed), GUIDE].join('\n'))
}

const opening = ({ publicUrl: url, apps }: Services): string => `# Stead

> An app's whole backend in one process: a PostgreSQL database of its own, rows over HTTP guarded by row security, sign-in of
> its users, and functions. This instance is version ${version}; its API is at ${url}, its regions: ${apps.needs.regions.names.join(', ')}.

- [OpenAPI 3.0](${url}/openapi.json): every route, who may call it, bodies, answers. \`?version=3.1\` for 3.1. With a credential that
  manages an app (and \`X-FB-Tenant: app_…\` to choose one) also its tables and functions.
- [Reference](${url}/docs/api): the same, to read.
- [Errors](${url}/docs/errors): what each code means and what to do.
- [Readiness](${url}/health/ready): whether its databases answer.

## Credentials

Send one as \`Authorization: Bearer …\`.

- **Platform key** \`bb_sk_…\`: makes and manages apps, sees every row of them. Where Stead runs, \`npx stead status\` shows it.
- **Service key** of an app: manages that app alone, and sees every row.
- **Anon key** of an app: nobody in particular; the only one that may stand in a page.
- **A user's token**, from signing in: rows answer to the policies for that user.
`

const START = `## Quick start

Make an app, describe its tables, give each user their own rows, sign up, sign in, write, read. API_URL is the address above,
PLATFORM_KEY a platform key.

\`\`\`sh
APP_ID=$(curl -sS --fail-with-body $API_URL/init -H "Authorization: Bearer $PLATFORM_KEY" -H 'Content-Type: application/json' \\
  -d '{"name":"agent-todo"}' | grep -o 'app_[0-9a-z]\\{12\\}' | head -n 1)
API=$API_URL/v1/$APP_ID

curl -sS --fail-with-body $API/schema/apply -H "Authorization: Bearer $PLATFORM_KEY" -H 'Content-Type: application/json' -d '{"schema":{"tables":{
  "todos":{"columns":{
    "id":{"type":"uuid","primaryKey":true,"default":"gen_random_uuid()"},
    "user_id":{"type":"text","nullable":false},
    "title":{"type":"text","nullable":false}}}}}}'

curl -sS --fail-with-body $API/rls -H "Authorization: Bearer $PLATFORM_KEY" -H 'Content-Type: application/json' \\
  -d '{"table_name":"todos","user_column":"user_id"}'

curl -sS --fail-with-body $API_URL/auth/$APP_ID/signup -H 'Content-Type: application/json' \\
  -d '{"email":"ada@example.com","password":"Correct-horse-42"}'
TOKEN=$(curl -sS --fail-with-body $API_URL/auth/$APP_ID/login -H 'Content-Type: application/json' \\
  -d '{"email":"ada@example.com","password":"Correct-horse-42"}' | grep -o '"access_token":"[^"]*' | cut -d '"' -f 4)

curl -sS --fail-with-body $API/todos -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"title":"Try Stead"}'
curl -sS --fail-with-body "$API/todos?select=title&title=eq.Try%20Stead&order=title.asc&limit=10" -H "Authorization: Bearer $TOKEN"

curl -sS --fail-with-body $API/functions -H "Authorization: Bearer $PLATFORM_KEY" -H 'Content-Type: application/json' -d '{"name":"count",
  "code":"export default async (req, ctx) => Response.json((await ctx.db.query(\`select count(*)::int as n from todos\`)).rows[0])"}'
curl -sS --fail-with-body $API/fn/count -H "Authorization: Bearer $TOKEN"
\`\`\`
`

/** What each dialect of the instance says of itself. */
function dialects(listed: Listed): string {
  const groups = [...Map.groupBy(listed(), ({ dialect }) => dialect)]
  const lines = groups.map(([{ title, description }, routes]) => {
    const bases = [...new Set(routes.map(({ path }) => baseOf(path)))]
    return `- **${title}** (${bases.map((base) => `\`${base}\``).join(', ')}): ${description}`
  })
  return `## APIs

All of them reach the same apps, rows and users; take the one whose client you have. Where a path names no app,
\`X-FB-Tenant: app_…\` does, or the credential, whose app it is then.

${lines.join('\n')}
`
}

/** `/v1` of `/v1/{app_id}/schema`, `/api/v1` of `/api/v1/tables`. */
const baseOf = (path: string): string =>
  /^\/(api\/v1|rest\/v1|docs|health|[^/]*)/.exec(path)?.[0] ?? '/'

const GUIDE = `## What serves well

- Look first: \`GET /apps\` before making one, \`GET /v1/{app_id}/schema\` before changing tables. \`POST /init\` with a name that is
  yours already gives that app, with its keys.
- \`POST /v1/{app_id}/schema/apply\` takes the whole of a table; applied twice it does nothing the second time. With
  \`"dry_run": true\` it tells its statements and runs none. Nothing is dropped unless \`_drop\` or \`_dropColumns\` names it.
- A new table shows no row to anybody but those who manage the app. \`POST /v1/{app_id}/rls\` gives each user their own rows,
  \`POST /v1/{app_id}/rls/policies\` takes a policy of your own.
- Rows are filtered as \`?column=operator.value\`, such as \`?done=eq.false&order=title.asc&limit=20\`. \`/v1\` takes a few operators,
  \`/rest/v1\` all of PostgREST 14 with embedding, \`POST /api/v1/graphql\` GraphQL.
- A function runs as whoever calls it: \`ctx.db\` sees their rows, \`ctx.user\` says who they are. It is refused to strangers unless its
  http trigger has \`"auth": "none"\`; for them it then runs with the service's rights. \`GET /v1/{app_id}/functions/{name}/logs\` tells what happened.
- \`PATCH /v1/{app_id}/config/auth-hooks\` names a function that hears of every sign-up and sign-in.
- Answers may say more than was asked: \`_meta.next_actions\` is what usually comes next, \`_meta.resource_info\` what is there.

## Errors

\`{"error":{"code","message","remediation","documentation_url","details"?}}\`. Do what \`remediation\` says; it is written for this error.
Branch on \`code\`, never on \`message\`. 429 and 503 say in \`Retry-After\` how many seconds to wait. Fluxbase's routes answer
\`{"error":"a sentence","code"}\`, PostgREST's \`{"code","message","details","hint"}\`, sign-in \`{"error":"a sentence"}\`.

## Not there yet

Storage, realtime, an MCP server, sign-in through other providers, mail. Of Supabase's client \`from\` and \`rpc\` work; \`auth\`,
\`functions\`, \`storage\` and \`channel\` answer 404.
`
