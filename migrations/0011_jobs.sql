-- Background jobs: what was asked for, what each attempt did, and what is asked for regularly.
--
-- The queue itself is pg-boss's, in a schema of its own; it holds ids and order. What a job is, and
-- with that what is run, stands here and is authenticated.

create table functions.jobs (
  id uuid primary key,
  name text not null,
  namespace text,
  -- JSON, letter by letter as it was submitted; never holds a secret of ours.
  payload text not null,
  priority int not null,
  principal text,
  request_id text not null,
  created_at timestamptz not null,
  -- Not to be run before.
  scheduled_at timestamptz,
  retries int not null,
  retry_delay_s int not null,
  -- The job that this one repeats.
  retry_of uuid,
  -- Whose settings it may read.
  user_id text,
  mac bytea not null,

  -- From here on: what workers tell. All text is masked.
  progress_percent double precision,
  progress_message text,
  progress_at timestamptz,
  -- Null until it has ended.
  outcome text,
  result text,
  error text,
  error_code text,
  finished_at timestamptz,
  -- The job that repeats this one; it is then no dead letter any more.
  retried_as uuid,
  constraint jobs_outcome_known check (outcome in ('completed', 'failed', 'cancelled'))
);

-- Lists go from the newest on, of all jobs or of one.
create index jobs_created_at on functions.jobs (created_at desc, id desc);
create index jobs_name on functions.jobs (name, namespace, created_at desc, id desc);
create index jobs_unfinished on functions.jobs (created_at) where outcome is null;
create index jobs_dead on functions.jobs (created_at desc, id desc)
  where outcome = 'failed' and retried_as is null;
create index jobs_finished_at on functions.jobs (finished_at) where outcome is not null;

create table functions.job_attempts (
  job_id uuid not null references functions.jobs (id) on delete cascade,
  -- Counted from 1.
  attempt int not null,
  execution_id uuid not null,
  worker text not null,
  started_at timestamptz not null,
  finished_at timestamptz,
  -- How the run ended, or `lost` when its worker did, or `handed_back` when that was shut down.
  outcome text,
  error text,
  error_code text,
  code_hash text,
  -- [{name, scope, version}]: which secrets the attempt was given; never a value.
  secrets jsonb,
  primary key (job_id, attempt),
  constraint job_attempts_execution_unique unique (execution_id)
);

create table functions.job_schedules (
  name text not null,
  namespace text,
  cron text not null,
  timezone text not null,
  payload text not null,
  principal text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  mac bytea not null,
  constraint job_schedules_unique unique nulls not distinct (namespace, name)
);
