/** Migrations: applied once, whoever asks, and never changed. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import { AppError } from "../../lib/errors.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Database } from "../../lib/store/sql.ts";
import { StatementError } from "../../lib/store/sql_error.ts";
import { createPostgresDatabase, databases, withDatabase } from "../support/databases.ts";

type Files = Record<string, string>;

const OURS = new URL("../../migrations/", import.meta.url);
const FIRST = "create schema t; create table t.a (id int); insert into t.a values (1);";
const SECOND = "create table t.b (id int);\ncreate index b_id on t.b (id);";

/** Makes a directory with these files for as long as `work` takes. */
async function withFiles<T>(files: Files, work: (directory: URL) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${path}/${name}`, text);
    }
    return await work(pathToFileURL(`${path}/`));
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** A database as new: without the product's own migrations in its ledger. */
function withBlank(name: "postgres" | "embedded", work: (database: Database) => Promise<void>) {
  return withDatabase(name, async (database) => {
    await database.sql.script("drop schema functions cascade; drop schema app cascade");
    await work(database);
  });
}

async function refusal(database: Database, files: Files): Promise<string> {
  const error = await withFiles(
    files,
    (directory) => assertRejects(() => migrate(database, directory), AppError),
  );
  assertEquals(error.code, "CONFIG_INVALID");
  return error.message;
}

for (const { name } of databases) {
  Deno.test(`${name}: migrate() applies what is missing, in order, and nothing twice`, () =>
    withBlank(name, async (database) => {
      const apply = (files: Files) => withFiles(files, (directory) => migrate(database, directory));
      assertEquals(await apply({ "0001_a.sql": FIRST, "README.md": "not one" }), 1);
      assertEquals(await apply({ "0001_a.sql": FIRST, "0002_b.sql": SECOND }), 1);
      assertEquals(await apply({ "0001_a.sql": FIRST, "0002_b.sql": SECOND }), 0);
      assertEquals(await database.sql`select id from t.a`, [{ id: 1 }]);
      const ledger = await database.sql`select version, name from functions.migrations order by 1`;
      assertEquals(ledger, [{ version: 1, name: "0001_a.sql" }, {
        version: 2,
        name: "0002_b.sql",
      }]);
    }));

  Deno.test(`${name}: migrate() leaves nothing of a run in which one file failed`, () =>
    withBlank(name, async (database) => {
      const files = {
        "0001_a.sql": FIRST,
        "0002_b.sql": "create table t.c (id int); select 1 / 0;",
      };
      await withFiles(
        files,
        (directory) => assertRejects(() => migrate(database, directory), StatementError),
      );
      const [row] = await database.sql`select to_regclass('t.a') is null as gone`;
      assertEquals(row, { gone: true });
    }));

  Deno.test(`${name}: migrate() refuses a history that is not its own`, () =>
    withBlank(name, async (database) => {
      const files = { "0002_a.sql": FIRST, "0003_b.sql": SECOND };
      await withFiles(files, (directory) => migrate(database, directory));
      const cases: readonly [Files, string][] = [
        [{ ...files, "0002_a.sql": `${FIRST} ` }, "0002_a.sql was changed"],
        [{ "0002_a.sql": FIRST }, "has migration 3, which this program does not know"],
        [{ ...files, "0001_c.sql": "select 1" }, "Migration 1 was put before the applied 2"],
        [{ ...files, "0003_c.sql": "select 1" }, "has the number of another"],
        [{ ...files, "4_c.sql": "select 1" }, "must be named"],
      ];
      for (const [changed, rule] of cases) {
        assertStringIncludes(await refusal(database, changed), rule);
      }
    }));

  Deno.test(`${name}: the product's own migrations apply to an empty database`, () =>
    withBlank(name, async (database) => {
      const applied = await migrate(database, OURS);
      const [row] = await database.sql`select count(*) as n from functions.migrations`;
      assertEquals(row, { n: applied });
    }));
}

Deno.test("migrate() by eight processes' worth of connections at once applies each file once", async () => {
  const { url, drop } = await createPostgresDatabase();
  const replicas = await Promise.all(
    Array.from({ length: 8 }, () => openPostgres(url, { max: 1 })),
  );
  await replicas[0]!.sql.script("drop schema functions cascade");
  const files = { "0001_a.sql": FIRST, "0002_b.sql": SECOND };
  const counts = await withFiles(
    files,
    (directory) => Promise.all(replicas.map((database) => migrate(database, directory))),
  );
  assertEquals(counts.toSorted(), [0, 0, 0, 0, 0, 0, 0, 2]);
  await Promise.all(replicas.map((database) => database.close()));
  await drop();
});
