-- Who did what. Each record covers the revisions of a head that its change made, so that one that is
-- removed leaves a gap, and one that is altered fails its MAC.

create table app.audit (
  -- Whose revisions: a namespace, a set, or null for the global scope; as in functions.heads.
  stream text,
  first_revision bigint not null,
  last_revision bigint not null,
  at timestamptz not null,
  action text not null,
  outcome text not null,
  principal text,
  principal_kind text not null,
  address text,
  request_id text,
  execution_id uuid,
  namespace text,
  name text,
  version int,
  -- How many alike the record stands for.
  count bigint not null,
  -- Further facts as JSON; never a value.
  detail text,
  mac bytea not null,
  constraint audit_chain unique nulls not distinct (stream, first_revision),
  constraint audit_revisions_ordered check (first_revision between 1 and last_revision),
  constraint audit_outcome_known check (outcome in ('done', 'denied'))
);

-- Lists are newest first; the second answers who used a name.
create index audit_newest on app.audit (at desc, first_revision desc);
create index audit_name on app.audit (name, namespace, at desc);

-- From which revision on the records of a stream are kept; without a row, from 1.
create table app.audit_floors (
  stream text,
  revision bigint not null,
  mac bytea not null,
  constraint audit_floors_stream_unique unique nulls not distinct (stream),
  constraint audit_floors_positive check (revision >= 1)
);

select functions.guard_keys();
