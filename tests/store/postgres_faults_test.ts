/** What becomes of statements when the server goes away, and of the pool when it comes back. */
import { assert, assertEquals, assertNotMatch, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { openPostgres, type PostgresOptions } from "../../lib/store/postgres.ts";
import type { Database } from "../../lib/store/sql.ts";
import { createPostgresDatabase } from "../support/databases.ts";
import { PostgresServer } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";

interface Tally {
  done: number;
  failed: number;
  wrong: number;
  codes: Set<string>;
}

async function withServer(
  options: PostgresOptions,
  work: (server: PostgresServer, database: Database) => Promise<void>,
): Promise<void> {
  const server = await PostgresServer.create();
  await server.start();
  const database = await openPostgres(server.url, options);
  try {
    await work(server, database);
  } finally {
    await database.close(0);
    await server.remove();
  }
}

/**
 * Keeps three times as many statements in flight as there are connections, until `fault` has
 * passed and another thousand statements were served. Resolves only if every statement settled.
 */
async function under(database: Database, fault: () => Promise<void>): Promise<Tally> {
  const tally: Tally = { done: 0, failed: 0, wrong: 0, codes: new Set() };
  let enough = Infinity;
  let next = 0;
  async function worker(): Promise<void> {
    while (tally.done < enough) {
      const n = next++;
      try {
        const [row] = n % 2 === 0
          ? await database.sql<{ n: number }>`select ${n}::int as n`
          : await database.sql.transaction((sql) => sql<{ n: number }>`select ${n}::int as n`);
        tally.done += 1;
        if (row?.n !== n) tally.wrong += 1;
      } catch (error) {
        tally.failed += 1;
        tally.codes.add(error instanceof AppError ? error.code : String(error));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
  const workers = Array.from({ length: 24 }, worker);
  await until("many statements have been answered", () => tally.done > 500);
  await fault();
  enough = tally.done + 1_000;
  await Promise.all(workers);
  return tally;
}

const FAULTS: Record<
  string,
  (server: PostgresServer, failing: () => Promise<void>) => Promise<void>
> = {
  "a fast restart": async (server) => {
    await server.stop("fast");
    await server.start();
  },
  "a kill -9 and a restart": async (server) => {
    await server.stop("kill");
    await server.start();
  },
  "an outage": async (server, failing) => {
    await server.stop("fast");
    await failing();
    await server.start();
  },
};

for (const [what, fault] of Object.entries(FAULTS)) {
  Deno.test(`postgres: every statement settles over ${what}, and service resumes`, () =>
    withServer({ max: 8 }, async (server, database) => {
      const tally = await under(database, () => fault(server, () => failTimes(database, 200)));
      assertEquals(tally.wrong, 0);
      assertEquals([...tally.codes], ["STORE_UNAVAILABLE"]);
    }));
}

Deno.test("postgres: a server that froze for less than the deadline is waited for", () =>
  withServer({ max: 8 }, async (server, database) => {
    const tally = await under(database, async () => {
      await server.pause();
      const waiting = database.sql`select 1`;
      // How long it is frozen; nothing is waited for.
      await new Promise((resolve) => setTimeout(resolve, 200));
      await server.resume();
      await waiting;
    });
    assertEquals([tally.failed, tally.wrong], [0, 0]);
  }));

Deno.test("postgres: a server that stays frozen costs the deadline, and service resumes", () =>
  withServer(
    { max: 4, deadlineMs: 1_000, waitMs: 500, connectMs: 1_000 },
    async (server, database) => {
      const tally = await under(database, async () => {
        await server.pause();
        await failTimes(database, 5);
        await server.resume();
      });
      assertEquals([tally.wrong, [...tally.codes]], [0, ["STORE_UNAVAILABLE"]]);
    },
  ));

Deno.test("postgres: an idle connection that the server closed is not used again", () =>
  withServer({ max: 1 }, async (server, database) => {
    await database.sql`select 1`;
    await server.stop("fast");
    await server.start();
    assertEquals(await database.sql`select 1 as one`, [{ one: 1 }]);
  }));

Deno.test("postgres: a transaction whose connection is lost rejects and is not kept", () =>
  withServer({ max: 2 }, async (server, database) => {
    await database.sql.script("create table thing (id int)");
    const work = database.sql.transaction(async (sql) => {
      await sql`insert into thing values (1)`;
      await server.stop("kill");
      await server.start();
      await sql`insert into thing values (2)`;
    });
    assertEquals((await assertRejects(() => work, AppError)).code, "STORE_UNAVAILABLE");
    assertEquals(await database.sql`select id from thing`, []);
  }));

Deno.test("postgres: a listener comes back after a restart and tells of the gap", () =>
  withServer({ max: 2 }, async (server, database) => {
    const heard: string[] = [];
    let gaps = 0;
    await database.listen("changes", (payload) => heard.push(payload), () => gaps++);
    assertEquals(gaps, 1);
    await server.stop("fast");
    await server.start();
    await until("it tells of the gap", () => gaps === 2);
    await database.sql`select pg_notify('changes', 'after')`;
    await until("something is heard", () => heard.length > 0);
    assertEquals(heard, ["after"]);
  }));

Deno.test("postgres: a listener notices a server that fell silent", () =>
  withServer(
    { max: 2, deadlineMs: 1_000, heartbeatMs: 50, connectMs: 1_000 },
    async (server, database) => {
      let gaps = 0;
      await database.listen("changes", () => {}, () => gaps++);
      await server.pause();
      await failTimes(database, 2);
      await server.resume();
      await until("it tells of the gap", () => gaps > 1);
    },
  ));

Deno.test("postgres: who waits for a connection that breaks is given a new one", async () => {
  const { url, drop } = await createPostgresDatabase();
  const database = await openPostgres(url, { max: 1 });
  const { sql } = database;
  const suicide = sql`select pg_terminate_backend(pg_backend_pid())`;
  const waiting = sql`select 1 as one`;
  assertEquals((await assertRejects(() => suicide, AppError)).code, "STORE_UNAVAILABLE");
  assertEquals(await waiting, [{ one: 1 }]);
  await database.close();
  await drop();
});

Deno.test("postgres: a statement that the server gives up leaves its connection in use", async () => {
  const { url, drop } = await createPostgresDatabase();
  const database = await openPostgres(url, { max: 1, deadlineMs: 1_000 });
  const { sql } = database;
  const [before] = await sql`select pg_backend_pid() as pid`;
  const error = await assertRejects(() => sql`select pg_sleep(60)`, AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
  assertEquals(await sql`select pg_backend_pid() as pid`, [before!]);
  await database.close();
  await drop();
});

Deno.test("postgres: close() rejects what is still at work and leaves nothing open", async () => {
  const { url, drop } = await createPostgresDatabase();
  const database = await openPostgres(url, { max: 2 });
  const slow = assertRejects(() => database.sql`select pg_sleep(60)`, AppError);
  const opening = database.sql`select 1`.catch(() => {});
  await database.close(0);
  assertEquals((await slow).code, "STORE_UNAVAILABLE");
  await opening;
  await drop();
});

Deno.test("openPostgres() refuses a server that is not there, without saying where or who", async () => {
  const url = "postgres://alice:hunter2@127.0.0.1:1/app";
  const error = await assertRejects(() => openPostgres(url), AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
  assertNotMatch(error.message, /alice|hunter2|127|app\b/);
  assert(error.cause instanceof Error);
});

Deno.test("openPostgres() gives up on a server that accepts and says nothing", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  const url = `postgres://a@127.0.0.1:${silent.addr.port}/a`;
  const error = await assertRejects(() => openPostgres(url, { connectMs: 100 }), AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
  (await accepted).close();
});

/** Asks until so many statements have failed. */
async function failTimes(database: Database, times: number): Promise<void> {
  for (let failures = 0; failures < times;) {
    await database.sql`select 1`.catch(() => failures++);
  }
}
