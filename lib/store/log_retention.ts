/**
 * Bounds of what is kept of runs, by age and by number, so that the log never fills the database.
 *
 * Rows are deleted in batches, each a transaction of its own, so that nobody waits for long.
 *
 * @module
 */
import type { Sql } from "./sql.ts";

/** Rows that one statement deletes. */
const BATCH = 5_000;

/** Deletes what is older than `before`; returns how many rows. */
export async function purgeOld(sql: Sql, before: Date, batch = BATCH): Promise<number> {
  const lines = await inBatches(batch, () =>
    sql`
      delete from functions.execution_logs where id in
        (select id from functions.execution_logs where logged_at < ${before} limit ${batch})
      returning 1`);
  const executions = await inBatches(batch, () =>
    sql`
      delete from functions.executions where id in
        (select id from functions.executions where started_at < ${before} limit ${batch})
      returning 1`);
  const counts = await sql`
    delete from functions.invocation_counts where minute < ${before} returning 1`;
  return lines + executions + counts.length;
}

/**
 * Deletes the oldest lines until at most `most` are left; returns how many. It looks at the two ends
 * of the table alone, so it can be asked every minute.
 */
export function trimLines(sql: Sql, most: number, batch = BATCH): Promise<number> {
  // Numbers are given in the order of writing: there are never more rows than they reach over.
  return inBatches(batch, () =>
    sql`
      delete from functions.execution_logs where id in
        (select id from functions.execution_logs
         where id <= (select max(id) from functions.execution_logs) - ${most}::bigint
         order by id limit ${batch})
      returning 1`);
}

/** Deletes the oldest records of runs until at most `most` are left; returns how many. */
export async function trimExecutions(sql: Sql, most: number, batch = BATCH): Promise<number> {
  const [first] = await sql<{ started_at: Date; id: string }>`
    select started_at, id from functions.executions
    order by started_at desc, id offset ${most} limit 1`;
  if (first === undefined) return 0;
  const { started_at: at, id } = first;
  return await inBatches(batch, () =>
    sql`
      delete from functions.executions where id in
        (select id from functions.executions
         where started_at < ${at} or (started_at = ${at} and id >= ${id}::uuid)
         limit ${batch})
      returning 1`);
}

async function inBatches(batch: number, remove: () => Promise<unknown[]>): Promise<number> {
  let total = 0;
  while (true) {
    const { length } = await remove();
    total += length;
    if (length < batch) return total;
  }
}
