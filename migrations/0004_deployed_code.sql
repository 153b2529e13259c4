-- Code that was deployed: what is served, everything that ever was, and the bundles themselves.
--
-- A bundle is named by the SHA-256 of its text and checked against it whenever it is read; the rows
-- that lead to one carry a MAC. So whoever can write here but has no key can neither change code nor
-- its settings, nor point a name at other code, unnoticed.

create table functions.code_blobs (
  -- SHA-256 of the code, hex.
  hash text primary key,
  code bytea not null,
  created_at timestamptz not null,
  constraint code_blobs_hash_hex check (hash ~ '^[0-9a-f]{64}$')
);

create table functions.deployments (
  id uuid primary key,
  kind text not null,
  namespace text,
  name text not null,
  -- The version that is served. Versions are counted from 1 without a gap.
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text,
  updated_by text,
  -- Set when deleted; the row stays as history, and the name is free again.
  deleted_at timestamptz,
  mac bytea not null,
  constraint deployments_kind_known check (kind in ('function', 'job')),
  constraint deployments_version_positive check (version >= 1)
);

-- One live deployment a name and place; null namespaces must collide, too.
create unique index deployments_live_unique on functions.deployments (kind, namespace, name)
  nulls not distinct where deleted_at is null;

-- What was ever deployed. A version is only ever written, never changed.
create table functions.deployment_versions (
  deployment_id uuid not null references functions.deployments (id) on delete cascade,
  version int not null,
  hash text not null references functions.code_blobs (hash),
  -- Limits, network and secrets of the function as JSON; text, so that the MAC covers every byte.
  settings text not null,
  -- The version that this one brought back; null for one that was deployed.
  restored int,
  created_at timestamptz not null,
  created_by text,
  mac bytea not null,
  primary key (deployment_id, version),
  constraint deployment_versions_version_positive check (version >= 1)
);

-- Finds bundles that no version needs any more.
create index deployment_versions_hash on functions.deployment_versions (hash);

-- One row a kind. Every change of a deployment bumps it in the same transaction, so one look tells
-- whether what is held is still current.
create table functions.code_heads (
  kind text primary key,
  revision bigint not null
);
