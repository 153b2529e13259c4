import { assert, assertEquals } from "@std/assert";
import { EVERYTHING, type Grant, visibility } from "../../lib/principal/principal.ts";
import { countSecrets } from "../../lib/store/secret_count.ts";
import { type ListQuery, listSecrets } from "../../lib/store/secret_list.ts";
import type { Row, Sql, SqlValue } from "../../lib/store/sql.ts";
import { databases } from "../support/databases.ts";
import { admin, ref } from "../support/world.ts";

const PLACES = 40;
const EACH = 500;
const LIMIT = 10;

/** Rows that a list or a count reads, whatever their MACs. */
async function fill(sql: Sql): Promise<void> {
  await sql`insert into functions.secrets
      (id, scope, namespace, name, version, expires_at, created_at, updated_at, mac)
    select gen_random_uuid(), case place when 0 then 'global' else 'namespace' end,
      case place when 0 then null else 'place-' || place end, 'S_' || lpad(i::text, 3, '0'), 1,
      case i when 7 then now() + interval '1 day' when 8 then now() + interval '1 year' end,
      now(), now(), ''
    from generate_series(0, ${PLACES - 1}::int) place, generate_series(0, ${EACH - 1}::int) i`;
  await sql`insert into functions.heads (namespace, revision, live_count, place_mac)
    select case place when 0 then null else 'place-' || place end, 1, ${EACH}::int,
      case when place > 0 then ''::bytea end
    from generate_series(0, ${PLACES - 1}::int) place`;
  await sql`insert into functions.heads (namespace, revision, live_count, place_mac)
    values ('@keys', 1, 9, '')`;
  await sql.script("analyze functions.secrets");
}

interface Plan {
  readonly "Plans"?: readonly Plan[];
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
}

/** How many secrets were read by a plan, shown or not. */
function readBy(plan: Plan): number {
  const below = (plan.Plans ?? []).map(readBy).reduce((sum, rows) => sum + rows, 0);
  if (plan["Relation Name"] !== "secrets") return below;
  return below + plan["Actual Loops"] *
      (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0));
}

/** Runs what `work` asks for, and has the database tell how many secrets it reads for that. */
async function explained(sql: Sql, work: (sql: Sql) => Promise<unknown>): Promise<number> {
  let read = 0;
  const query = async (text: string, values?: readonly SqlValue[]) => {
    const [row] = await sql.query<Row & { "QUERY PLAN": [{ Plan: Plan }] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    read += readBy(row!["QUERY PLAN"][0].Plan);
    return [];
  };
  await work({ query } as unknown as Sql);
  return read;
}

const grant = (namespaces: string[], names = ["*"]): Grant => ({
  actions: ["secrets:list"],
  namespaces,
  names,
});

const seenBy = (...grants: Grant[]) => visibility({ ...admin, grants }, "secrets:list");

const PAGES: readonly [what: string, query: Omit<ListQuery, "limit">, first: string | undefined][] =
  [
    ["the first page", { visible: seenBy(EVERYTHING) }, "/S_000"],
    ["a page amid the global scope", {
      visible: seenBy(EVERYTHING),
      after: ref("S_400"),
    }, "/S_401"],
    ["a page that begins in the last namespace", {
      visible: seenBy(EVERYTHING),
      after: ref("S_400", "place-9"),
    }, "place-9/S_401"],
    ["a page over the end of the global scope", {
      visible: seenBy(EVERYTHING),
      after: ref("S_499"),
    }, "place-1/S_000"],
    ["a page of one namespace", {
      visible: seenBy(EVERYTHING),
      namespace: "place-30",
      after: ref("S_400", "place-30"),
    }, "place-30/S_401"],
    ["all scopes but the global one", {
      visible: seenBy(EVERYTHING),
      scope: "namespace",
    }, "place-1/S_000"],
    ["who sees one namespace", { visible: seenBy(grant(["place-9"])) }, "place-9/S_000"],
    ["who sees namespaces that begin so, and another", {
      visible: seenBy(grant(["place-3*", "place-8", "place-30"])),
      after: ref("S_499", "place-39"),
    }, "place-8/S_000"],
    ["who sees the same by two grants", {
      visible: seenBy(grant(["@global", "place-2"]), grant(["place-2*"])),
      after: ref("S_499"),
    }, "place-2/S_000"],
    ["who sees nothing", { visible: [] }, undefined],
  ];

for (const kind of databases) {
  Deno.test(`${kind.name}: a list reads what it shows`, async (t) => {
    const database = await kind.open();
    const { sql } = database;
    await fill(sql);
    for (const [what, query, first] of PAGES) {
      await t.step(what, async () => {
        const rows = await listSecrets(sql, { ...query, limit: LIMIT });
        const [row] = rows.map(({ namespace, name }) => `${namespace ?? ""}/${name}`);
        assertEquals(row, first);
        const texts = rows.map(({ id }) => id);
        assertEquals(new Set(texts).size, texts.length);
        const read = await explained(sql, (tx) => listSecrets(tx, { ...query, limit: LIMIT }));
        // A page of each range of places that is seen, and of the global scope.
        assert(read <= 3 * LIMIT, `${read} rows were read`);
      });
    }
    await t.step("a count reads what has an expiry that is near", async () => {
      const visible = seenBy(grant(["place-3*"]));
      const found = await countSecrets(sql, visible, new Date());
      assertEquals(found, { total: 11 * EACH, expiringSoon: 11, expired: 0 });
      const read = await explained(sql, (tx) => countSecrets(tx, visible, new Date()));
      assert(read <= PLACES, `${read} rows were read`);
      assertEquals((await countSecrets(sql, seenBy(EVERYTHING), new Date())).total, PLACES * EACH);
      assertEquals((await countSecrets(sql, [], new Date())).total, 0);
    });
    await t.step("a list is whole for who sees very many namespaces", async () => {
      const names = Array.from({ length: PLACES }, (_, i) => `place-${i}`).filter((name) =>
        name !== "place-20"
      );
      const visible = seenBy(grant(names));
      const rows = await listSecrets(sql, { visible, limit: PLACES * EACH });
      assertEquals(rows.length, (PLACES - 2) * EACH);
    });
    await database.close();
  });
}
