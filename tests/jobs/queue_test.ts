/** The queue's promises, which the workers stand on. */
import { assertEquals } from "@std/assert";
import { openBoss } from "../../lib/jobs/boss.ts";
import { JobQueue } from "../../lib/jobs/queue.ts";
import type { Database, Sql } from "../../lib/store/sql.ts";
import { databases, withDatabase } from "../support/databases.ts";

const ORDER = {
  name: "job",
  namespace: null,
  payload: "null",
  priority: 0,
  principal: null,
  requestId: "r",
  createdAt: new Date(),
  scheduledAt: null,
  retries: 2,
  retryDelayS: 0,
  retryOf: null,
  userId: null,
};

async function lastClaimCounts(queue: JobQueue, sql: Sql): Promise<void> {
  const id = crypto.randomUUID();
  await queue.push(sql, { ...ORDER, id });
  const [first] = await queue.claim(5);
  assertEquals(await queue.touch([first!]), new Set([id]));
  assertEquals(await sql.transaction((tx) => queue.takeFromSilent(tx, -60_000)), [id]);
  assertEquals(await queue.touch([first!]), new Set());
  const [second] = await queue.claim(5);
  assertEquals([second!.id, second!.retryCount], [id, 1]);
  // No retry was spent: there is one more than was asked for.
  assertEquals(second!.retryLimit, ORDER.retries + 1);
  for (const end of ["complete", "fail"] as const) {
    assertEquals(await queue[end](sql, first!), false, `${end} of a claim that was lost`);
  }
  assertEquals(await queue.handBack(sql, first!, 0), false);
  assertEquals(await queue.complete(sql, second!), true);
  assertEquals(await queue.complete(sql, second!), false);
  const [row] = await sql`select state::text from pgboss.job where id = ${id}`;
  assertEquals(row, { state: "completed" });
}

async function pushIsTransactional(queue: JobQueue, sql: Sql): Promise<void> {
  const [kept, undone] = [crypto.randomUUID(), crypto.randomUUID()];
  await sql.transaction((tx) => queue.push(tx, { ...ORDER, id: kept }));
  await sql.transaction(async (tx) => {
    await queue.push(tx, { ...ORDER, id: undone });
    throw new Error("undone");
  }).catch(() => {});
  assertEquals((await queue.claim(5)).map(({ id }) => id), [kept]);
}

async function claimsAreExclusive(queue: JobQueue, sql: Sql): Promise<void> {
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  for (const id of ids) await queue.push(sql, { ...ORDER, id });
  const claims = await Promise.all(Array.from({ length: 10 }, () => queue.claim(4)));
  const more = await queue.claim(40);
  const all = [...claims.flat(), ...more].map(({ id }) => id);
  assertEquals(all.toSorted(), ids.toSorted());
}

const PROMISES = {
  "only the last claim of a job counts": lastClaimCounts,
  "a job that is pushed in a transaction is there when that is kept": pushIsTransactional,
  "a claim goes to one only, however many ask at once": claimsAreExclusive,
};

for (const { name } of databases) {
  Deno.test(`${name}: the queue keeps its promises`, (t) =>
    withDatabase(name, async (database: Database) => {
      const troubles: unknown[] = [];
      const boss = await openBoss(database, { work: false, onTrouble: (e) => troubles.push(e) });
      try {
        for (const [promise, keep] of Object.entries(PROMISES)) {
          await database.sql`delete from pgboss.job`;
          await t.step(promise, () => keep(new JobQueue(boss), database.sql));
        }
      } finally {
        await boss.stop({ graceful: false });
      }
      assertEquals(troubles, []);
    }));
}
