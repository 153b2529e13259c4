-- Heads say which rows there are, so that a row that was dropped, or put back from an old copy, is
-- noticed: its own MAC can't tell.

alter table functions.heads
  -- How many rows live and how many deleted secrets there are, and keyed hashes of those two sets.
  add column live_count bigint,
  add column live_digest bytea,
  add column deleted_count bigint,
  add column deleted_digest bytea,
  -- Authenticates all of the above with namespace and revision. Null until it is adopted.
  add column mac bytea,
  -- Authenticates that there is this namespace; those of all of them make the set `@namespaces`.
  add column place_mac bytea;

alter table functions.secrets
  -- What is below it, retention has removed; from here to `version` there is every one.
  add column oldest_version int not null default 1,
  add constraint secrets_oldest_version_known check (oldest_version between 1 and version);

-- Deleted secrets are listed, restored and purged.
create index secrets_deleted on functions.secrets (namespace, deleted_at)
  where deleted_at is not null;
