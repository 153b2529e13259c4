-- Runs of user code and what they printed. Everything here is masked before it comes, and bounded by
-- retention, so that the log can never fill the database.

create table functions.executions (
  id uuid primary key,
  kind text not null check (kind in ('function', 'job')),
  name text not null,
  namespace text,
  code_hash text,
  started_at timestamptz not null,
  duration_ms double precision not null,
  outcome text not null,
  status int,
  principal text,
  request_id text not null,
  -- [{name, scope, version}]: which secrets the run was given; never a value.
  secrets jsonb not null
);

-- Retention deletes from the oldest end, and lists read from the newest.
create index executions_started_at on functions.executions (started_at desc, id);
create index executions_function on functions.executions (name, namespace, started_at desc);

create table functions.execution_logs (
  id bigint generated always as identity primary key,
  -- Null for output that belongs to no single run. No foreign key: lines come before their run ends.
  execution_id uuid,
  name text not null,
  namespace text,
  logged_at timestamptz not null,
  level text not null check (level in ('debug', 'info', 'warn', 'error')),
  message text not null
);

create index execution_logs_execution on functions.execution_logs (execution_id, id);
create index execution_logs_logged_at on functions.execution_logs (logged_at desc);

-- Every call is counted here, also those of a flood whose single records are not kept.
create table functions.invocation_counts (
  name text not null,
  namespace text,
  minute timestamptz not null,
  calls bigint not null,
  failures bigint not null,
  total_ms double precision not null,
  unique nulls not distinct (name, namespace, minute)
);
create index invocation_counts_minute on functions.invocation_counts (minute);
