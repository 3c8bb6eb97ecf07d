-- Answers to writes that came with an Idempotency-Key: the same request again is answered from here and not done again.

create table stead.idempotent_requests (
  -- Who asked; the same key of somebody else is another one.
  caller text not null,
  key text not null,
  -- Method, path and query.
  request text not null,
  -- SHA-256.
  body_hash bytea not null check (length(body_hash) = 32),
  -- The attempt that works on it, and until when others leave it alone: a process that died says nothing.
  claim uuid not null,
  claimed_until timestamptz not null,
  -- The answer, once there is one.
  status integer,
  headers jsonb,
  body text,
  expires_at timestamptz not null,
  primary key (caller, key)
);
create unique index idempotent_requests_claim on stead.idempotent_requests (claim);
create index idempotent_requests_expiry on stead.idempotent_requests (expires_at);
