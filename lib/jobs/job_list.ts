/**
 * Lists and counts of jobs, limited to what the asker may see.
 *
 * @module
 */
import type { Visibility } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { Row, Sql } from "../store/sql.ts";
import type { Job, JobStatus } from "./job.ts";
import { JOB_TABLES, jobColumns, jobOf, STATUS } from "./job_rows.ts";
import { Where } from "../store/visible.ts";

/** What to list. */
export interface JobFilter {
  readonly name?: string;
  /** Null: only jobs without a namespace. */
  readonly namespace?: Namespace | null;
  readonly status?: JobStatus;
  /** Only dead letters: failed for good, and not submitted again. */
  readonly dead?: boolean;
  /** The last job of the page before. */
  readonly after?: Pick<Job, "id" | "createdAt">;
  /** The most jobs to return. */
  readonly limit: number;
}

/** How many jobs there are, by where they stand. */
export interface JobStats {
  readonly pending: number;
  /** Among the pending: those whose time has not come. */
  readonly scheduled: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Among the failed: those that were not submitted again. */
  readonly dead: number;
  /** For how long the job that waits longest could have been run; null when none waits. */
  readonly oldestPendingSeconds: number | null;
}

/** Jobs from the newest to the oldest, without payloads and results. */
export async function listJobs(
  sql: Sql,
  visible: readonly Visibility[],
  filter: JobFilter,
): Promise<Job[]> {
  const where = conditions(visible, filter);
  const rows = await sql.query(
    `select ${jobColumns({ bodies: false })} from ${JOB_TABLES} where ${where}
     order by j.created_at desc, j.id desc limit ${where.bind(filter.limit)}::int`,
    where.values,
  );
  return rows.map(jobOf);
}

function conditions(visible: readonly Visibility[], filter: JobFilter): Where {
  const where = new Where();
  where.andVisible("j", visible);
  if (filter.name !== undefined) where.and(`j.name = ${where.bind(filter.name)}`);
  if (filter.namespace === null) where.and("j.namespace is null");
  else if (filter.namespace !== undefined) {
    where.and(`j.namespace = ${where.bind(filter.namespace)}`);
  }
  if (filter.status === "pending" || filter.status === "running") where.and("j.outcome is null");
  if (filter.status !== undefined) where.and(`${STATUS} = ${where.bind(filter.status)}`);
  if (filter.dead === true) where.and("j.outcome = 'failed' and j.retried_as is null");
  if (filter.after !== undefined) {
    const { createdAt, id } = filter.after;
    where.and(
      `(j.created_at, j.id) < (${where.bind(createdAt)}::timestamptz, ${where.bind(id)}::uuid)`,
    );
  }
  return where;
}

/** Counts the jobs that may be seen. */
export async function countJobs(sql: Sql, visible: readonly Visibility[]): Promise<JobStats> {
  const where = new Where();
  where.andVisible("j", visible);
  const waits = "status = 'pending' and due <= now()";
  const [row] = await sql.query<Row & Record<string, number | null>>(
    `select ${COUNTED.map((name) => `${counted(name)} as ${name}`).join(", ")},
       (count(*) filter (where status = 'pending' and due > now()))::int as scheduled,
       (count(*) filter (where status = 'failed' and retried_as is null))::int as dead,
       extract(epoch from now() - min(due) filter (where ${waits}))::float8 as oldest
     from (select ${STATUS} as status, b.start_after as due, j.retried_as
       from functions.jobs j
       left join pgboss.job b on b.name = 'fluxbase_jobs' and b.id = j.id
       where ${where}) as each_job`,
    where.values,
  );
  const number = (name: string) => Number(row?.[name] ?? 0);
  return {
    pending: number("pending"),
    scheduled: number("scheduled"),
    running: number("running"),
    completed: number("completed"),
    failed: number("failed"),
    cancelled: number("cancelled"),
    dead: number("dead"),
    oldestPendingSeconds: row?.oldest ?? null,
  };
}

const COUNTED = ["pending", "running", "completed", "failed", "cancelled"] as const;

function counted(status: typeof COUNTED[number]): string {
  return `(count(*) filter (where status = '${status}'))::int`;
}
