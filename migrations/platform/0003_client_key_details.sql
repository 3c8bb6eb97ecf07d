-- What the owner of a client key says of it, and when that last changed.

alter table credentials add column description text;
-- Null: everywhere that the scopes reach.
alter table credentials add column allowed_namespaces text[];
alter table credentials add column updated_at timestamptz not null default now();
update credentials set updated_at = created_at;

create index credentials_client_keys on credentials (app_id, user_id, created_at desc)
  where kind = 'client_key';

-- A key's limit is remembered with it.
drop trigger announce_update on credentials;
create trigger announce_update
  after update of scopes, expires_at, revoked_at, requests_per_minute on credentials
  for each row execute function announce_change();
