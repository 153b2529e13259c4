-- Secrets, their versions, the keys that seal them and the keys that open the door.
--
-- All times are set by the program, with the precision of milliseconds that it authenticates.
-- `mac` columns authenticate a row under a key that the database does not hold, so that whoever
-- can write here but has no key cannot revive, swap or grant anything unnoticed.

-- One row for global secrets (null) and one for each namespace. Every change of a secret bumps its
-- row in the same statement, so one look tells whether anything that is held is still current.
create table functions.heads (
  namespace text,
  revision bigint not null,
  constraint heads_namespace_unique unique nulls not distinct (namespace)
);

create table functions.secrets (
  id uuid primary key,
  scope text not null,
  namespace text,
  name text not null,
  description text,
  -- The version that is served. Versions are counted from 1 without a gap.
  version int not null,
  -- An expired secret is not served, and still shadows the global one of its name.
  expires_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text,
  updated_by text,
  -- Set when deleted; the row stays as history, and the name is free again.
  deleted_at timestamptz,
  mac bytea not null,
  constraint secrets_scope_known check (scope in ('global', 'namespace')),
  constraint secrets_scope_namespace_agree check ((scope = 'global') = (namespace is null)),
  constraint secrets_name_upper check (name ~ '^[A-Z_][A-Z0-9_]{0,127}$'),
  constraint secrets_version_positive check (version >= 1)
);

-- One live secret a name and place. Two global ones must collide too, although null is not equal
-- to null; and lists read this index in the order of names.
create unique index secrets_live_unique on functions.secrets (namespace, name)
  nulls not distinct where deleted_at is null;

-- What was ever set. A version is only ever written, never changed.
create table functions.secret_versions (
  -- The version's own identity, for those who refer to it from outside.
  id uuid not null,
  secret_id uuid not null references functions.secrets (id) on delete cascade,
  version int not null,
  -- The sealed value; the secret's place and number are its associated data.
  envelope bytea not null,
  created_at timestamptz not null,
  created_by text,
  mac bytea not null,
  primary key (secret_id, version),
  constraint secret_versions_id_unique unique (id),
  constraint secret_versions_version_positive check (version >= 1)
);

-- The key ring: random data keys, wrapped by a root key that is never here.
create table functions.data_keys (
  id text primary key,
  purpose text not null,
  status text not null,
  root_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null,
  constraint data_keys_id_hex check (id ~ '^[0-9a-f]{16}$'),
  constraint data_keys_purpose_known check (purpose in ('value', 'row', 'token', 'digest')),
  constraint data_keys_status_known check (status in ('primary', 'enabled', 'disabled'))
);

-- One primary key a purpose: two servers that start at once on an empty database cannot both put
-- their ring here.
create unique index data_keys_primary_unique on functions.data_keys (purpose)
  where status = 'primary';

-- Who may do what with the API. The token itself is not here, only its MAC.
create table functions.service_keys (
  id uuid primary key,
  -- The token's public beginning, by which it is looked up.
  prefix text not null,
  name text not null,
  token_mac bytea not null,
  grants jsonb not null,
  created_at timestamptz not null,
  created_by text,
  expires_at timestamptz,
  revoked_at timestamptz,
  mac bytea not null,
  constraint service_keys_prefix_unique unique (prefix)
);

-- Answers given to requests with an Idempotency-Key, so that one sent again is not done again.
create table functions.idempotency_keys (
  principal text not null,
  key text not null,
  -- Tells whether the request sent again is the same; a MAC, since a body may hold a value.
  fingerprint bytea not null,
  -- Null while the first request is still at work.
  status int,
  body jsonb,
  created_at timestamptz not null,
  primary key (principal, key)
);

-- Old answers are swept by age.
create index idempotency_keys_age on functions.idempotency_keys (created_at);
