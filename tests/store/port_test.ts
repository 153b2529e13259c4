/** The port's promises, kept by both drivers. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import type { Database, SqlValue } from "../../lib/store/sql.ts";
import { StatementError, UniqueViolation } from "../../lib/store/sql_error.ts";
import { databases, withDatabase } from "../support/databases.ts";

interface Case {
  readonly what: string;
  readonly value: SqlValue;
  readonly type: string;
  readonly back?: unknown;
}

const ROUND_TRIPS: readonly Case[] = [
  { what: "text with quotes and a line break", value: `it's "x"\n\\ ✓`, type: "text" },
  { what: "an empty text", value: "", type: "text" },
  { what: "a text that looks like null", value: "NULL", type: "text" },
  { what: "null", value: null, type: "text" },
  { what: "an int", value: -7, type: "int" },
  { what: "a number for text", value: 7, type: "text", back: "7" },
  { what: "the largest safe int8", value: Number.MAX_SAFE_INTEGER, type: "int8" },
  { what: "digits beyond a number", value: "9007199254740993", type: "int8" },
  { what: "a float", value: 0.1, type: "float8" },
  { what: "a numeric", value: "0.10", type: "numeric" },
  { what: "true", value: true, type: "boolean" },
  { what: "false", value: false, type: "boolean" },
  { what: "a time to the millisecond", value: new Date(1_764_000_000_123), type: "timestamptz" },
  { what: "a time before 1970", value: new Date(-1), type: "timestamptz" },
  { what: "every byte", value: Uint8Array.from({ length: 256 }, (_, i) => i), type: "bytea" },
  { what: "no bytes", value: new Uint8Array(), type: "bytea" },
  { what: "part of a buffer", value: Uint8Array.of(1, 2, 3, 4).subarray(1, 3), type: "bytea" },
  { what: "a JSON object", value: '{"a":[1,null]}', type: "jsonb", back: { a: [1, null] } },
  { what: "a JSON string", value: '"text"', type: "jsonb", back: "text" },
  { what: "a JSON null", value: "null", type: "jsonb", back: null },
  { what: "a uuid", value: "6ba7b810-9dad-41d1-80b4-00c04fd430c8", type: "uuid" },
];

const CHANNEL = `Änderung "1"`;

const count = async (database: Database) =>
  (await database.sql<{ n: number }>`select count(*) as n from thing`)[0]?.n;

async function withThings(
  name: "postgres" | "embedded",
  work: (database: Database) => Promise<void>,
): Promise<void> {
  await withDatabase(name, async (database) => {
    await database.sql.script("create table thing (id int primary key, n int not null default 0)");
    await work(database);
  });
}

for (const { name } of databases) {
  Deno.test(`${name}: values come back as they were bound`, () =>
    withDatabase(name, async ({ sql }) => {
      for (const { what, value, type, back = value } of ROUND_TRIPS) {
        const [row] = await sql.query(`select $1::${type} as value`, [value]);
        assertEquals(row, { value: back }, what);
      }
    }));

  Deno.test(`${name}: an array is one parameter`, () =>
    withDatabase(name, async ({ sql }) => {
      const names = ["a", 'b"c\\', "d,e", "", "NULL", "{}"];
      const rows = await sql`select x from unnest(${names}::text[]) as x`;
      assertEquals(rows.map(({ x }) => x), names);
      assertEquals(await sql`select 1 as one where 'a' = any(${[]}::text[])`, []);
    }));

  Deno.test(`${name}: text in a value is never read as SQL`, () =>
    withThings(name, async (database) => {
      await database.sql`select ${"'; drop table thing; --"}::text`;
      assertEquals(await count(database), 0);
    }));

  Deno.test(`${name}: a transaction is kept when its work resolves`, () =>
    withThings(name, async (database) => {
      const result = await database.sql.transaction(async (sql) => {
        await sql`insert into thing (id) values (1)`;
        return "done";
      });
      assertEquals([result, await count(database)], ["done", 1]);
    }));

  Deno.test(`${name}: a transaction is undone when its work throws`, () =>
    withThings(name, async (database) => {
      const work = database.sql.transaction(async (sql) => {
        await sql`insert into thing (id) values (1)`;
        throw new RangeError("changed my mind");
      });
      await assertRejects(() => work, RangeError);
      assertEquals(await count(database), 0);
    }));

  Deno.test(`${name}: a transaction in which a statement failed does not pass for done`, () =>
    withThings(name, async (database) => {
      const work = database.sql.transaction(async (sql) => {
        await sql`insert into thing (id) values (1)`;
        await sql`select 1 / 0`.catch(() => {});
      });
      await assertRejects(() => work, StatementError, "22012");
      assertEquals(await count(database), 0);
    }));

  Deno.test(`${name}: a nested transaction is undone alone`, () =>
    withThings(name, async (database) => {
      await database.sql.transaction(async (sql) => {
        await sql`insert into thing (id) values (1)`;
        const inner = sql.transaction(async (nested) => {
          await nested`insert into thing (id) values (2)`;
          await nested`insert into thing (id) values (1)`;
        });
        await assertRejects(() => inner, UniqueViolation);
        await sql`insert into thing (id) values (3)`;
      });
      assertEquals(await database.sql`select id from thing order by id`, [{ id: 1 }, { id: 3 }]);
    }));

  Deno.test(`${name}: statements of one transaction may be started together`, () =>
    withThings(name, async (database) => {
      const ids = Array.from({ length: 20 }, (_, id) => id);
      await database.sql.transaction((sql) =>
        Promise.all(ids.map((id) => sql`insert into thing (id) values (${id})`))
      );
      assertEquals(await count(database), ids.length);
    }));

  Deno.test(`${name}: a transaction's handle is of no use afterwards`, () =>
    withThings(name, async (database) => {
      let kept = database.sql;
      await database.sql.transaction((sql) => Promise.resolve(void (kept = sql)));
      await assertRejects(() => kept`insert into thing (id) values (1)`, Error, "has ended");
      assertEquals(await count(database), 0);
    }));

  Deno.test(`${name}: parallel transactions lose no update`, () =>
    withThings(name, async (database) => {
      await database.sql`insert into thing (id) values (1)`;
      await Promise.all(Array.from({ length: 50 }, () =>
        database.sql.transaction(async (sql) => {
          const [row] = await sql<{ n: number }>`select n from thing where id = 1 for update`;
          await sql`update thing set n = ${row!.n + 1} where id = 1`;
        })));
      assertEquals(await database.sql`select n from thing`, [{ n: 50 }]);
    }));

  Deno.test(`${name}: a second row under a unique key is told by the constraint's name`, () =>
    withThings(name, async ({ sql }) => {
      await sql`insert into thing (id) values (1)`;
      const error = await assertRejects(
        () => sql`insert into thing (id) values (1)`,
        UniqueViolation,
      );
      assertEquals([error.constraint, error.sqlstate], ["thing_pkey", "23505"]);
    }));

  Deno.test(`${name}: a refused statement tells its code and not its values`, () =>
    withDatabase(name, async ({ sql }) => {
      const error = await assertRejects(() => sql`select ${"canary"}::text::uuid`, StatementError);
      assertEquals(error.message, "Statement failed: SQLSTATE 22P02");
      assertEquals(await sql`select 1 as one`, [{ one: 1 }]);
    }));

  Deno.test(`${name}: a statement past its deadline is given up, and the database goes on`, () =>
    withDatabase(name, async ({ sql }) => {
      const slow = "select count(*) from generate_series(1, 4000000)";
      assertUnavailable(await assertRejects(() => sql.query(slow), AppError));
      assertEquals(await eventually(() => sql`select 1 as one`), [{ one: 1 }]);
    }, { deadlineMs: 100 }));

  Deno.test(`${name}: a transaction past its deadline leaves nothing behind`, () =>
    withDatabase(name, async ({ sql }) => {
      await sql.script("create table thing (id int primary key)");
      const work = sql.transaction(async (inner) => {
        await inner`insert into thing (id) values (1)`;
        await inner`select count(*) from generate_series(1, 4000000)`;
      });
      assertUnavailable(await assertRejects(() => work, AppError));
      assertEquals(await eventually(() => sql`select id from thing`), []);
    }, { deadlineMs: 200 }));

  Deno.test(`${name}: a listener hears what was sent after it began, once`, () =>
    withDatabase(name, async (database) => {
      const heard: string[] = [];
      const all = Promise.withResolvers<void>();
      let gaps = 0;
      const subscription = await database.listen(CHANNEL, (payload) => {
        heard.push(payload);
        if (payload === "last") all.resolve();
      }, () => gaps++);
      await database.sql`select pg_notify('other', 'not this')`;
      await database.sql.transaction((sql) => sql`select pg_notify(${CHANNEL}, 'first')`);
      await database.sql`select pg_notify(${CHANNEL}, ${"last"})`;
      await within(all.promise);
      assertEquals([heard, gaps], [["first", "last"], 1]);
      await subscription.close();
      await database.sql`select pg_notify(${CHANNEL}, 'too late')`;
      assertEquals(heard.length, 2);
    }));

  Deno.test(`${name}: a closed database refuses`, async () => {
    const database = await databases.find((each) => each.name === name)!.open();
    await database.close();
    assertUnavailable(await assertRejects(() => database.sql`select 1`, AppError));
    assertUnavailable(
      await assertRejects(() => database.sql.transaction(() => Promise.resolve()), AppError),
    );
  });
}

Deno.test("embedded: a statement on the outer handle inside a transaction is refused in time", () =>
  withDatabase("embedded", async ({ sql }) => {
    const work = sql.transaction(() => sql`select 1`);
    assertUnavailable(await assertRejects(() => work, AppError));
    assertEquals(await sql`select 1 as one`, [{ one: 1 }]);
  }, { waitMs: 100 }));

Deno.test("embedded: statements take turns with transactions in the order they came", () =>
  withDatabase("embedded", async ({ sql }) => {
    const order: number[] = [];
    await Promise.all([
      sql.transaction(async (inner) =>
        void order.push(Number((await inner`select 1 as n`)[0]?.["n"]))
      ),
      sql`select 2`.then(() => order.push(2)),
      sql.transaction(async (inner) =>
        void order.push(Number((await inner`select 3 as n`)[0]?.["n"]))
      ),
      sql`select 4`.then(() => order.push(4)),
    ]);
    assertEquals(order, [1, 2, 3, 4]);
  }));

function assertUnavailable(error: unknown): void {
  assertInstanceOf(error, AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
}

/** Fails instead of waiting for ever. */
async function within<T>(promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("It never happened")), 20_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Tries until it works. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 1_000;; left--) {
    try {
      return await attempt();
    } catch (error) {
      assert(left > 0, String(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

for (const { name } of databases) {
  Deno.test(`${name}: script() returns the rows of every statement in order`, () =>
    withThings(name, async ({ sql }) => {
      assertEquals(
        await sql.script(`begin; insert into thing (id) values (1), (2) returning id;
          select 9007199254740991 as big; commit`),
        [{ id: 1 }, { id: 2 }, { big: Number.MAX_SAFE_INTEGER }],
      );
      assertEquals(await sql.script("select 1 as one"), [{ one: 1 }]);
      assertEquals(await sql.script("create table other (id int)"), []);
      assertEquals(await sql.transaction((tx) => tx.script("select 1 as a; select 2 as b")), [
        { a: 1 },
        { b: 2 },
      ]);
    }));

  Deno.test(`${name}: a script that begins a transaction and fails leaves none open`, () =>
    withThings(name, async (database) => {
      const { sql } = database;
      const broken = "begin; insert into thing (id) values (1); select 1 / 0; commit";
      for (let i = 0; i < 12; i++) await assertRejects(() => sql.script(broken), StatementError);
      await Promise.all(
        Array.from({ length: 12 }, (_, i) => sql`insert into thing (id) values (${i})`),
      );
      assertEquals(await count(database), 12);
    }));
}
