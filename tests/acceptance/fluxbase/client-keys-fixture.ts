/** What client keys look like in answers. */
export type Key = {
  id: string
  name: string
  scopes: string[]
  user_id: string | null
  revoked_at: string | null
  updated_at: string
}
export type Made = Key & { key: string; client_key: Key }
export type List = { client_keys: Key[]; total: number }
