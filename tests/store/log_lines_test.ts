import { assertEquals } from "@std/assert";
import { EVERYTHING, type Grant, visibility } from "../../lib/principal/principal.ts";
import { ExecutionStore, type LineRecord } from "../../lib/store/executions.ts";
import { type FoundLines, type LogFilter, LogReader } from "../../lib/store/log_lines.ts";
import { purgeOld, trimExecutions, trimLines } from "../../lib/store/log_retention.ts";
import type { Sql } from "../../lib/store/sql.ts";
import { databases, withDatabase } from "../support/databases.ts";

const FIRST = Date.parse("2026-01-02T00:00:00Z");
const at = (second: number) => new Date(FIRST + second * 1_000);
const RUN = "11111111-1111-4111-8111-111111111111";

/** One line a second; the text tells which. */
const LINES: readonly Partial<LineRecord>[] = [
  { text: "read FLUXBASE_SECRET_API_KEY (global, version 3)", source: "reads", executionId: RUN },
  { text: "100% done" },
  { text: "1000 done", level: "error" },
  { text: "a_b and a\\b", namespace: "production" },
  { text: "axb", name: "pay", namespace: "production" },
];

function line(over: Partial<LineRecord>, i: number): LineRecord {
  return {
    executionId: null,
    name: "hello",
    namespace: null,
    at: at(i),
    level: "info",
    text: "",
    ...over,
  };
}

function execution(id: string, second = 0) {
  return {
    id,
    kind: "job",
    name: "hello",
    namespace: null,
    codeHash: null,
    startedAt: at(second),
    durationMs: 1,
    outcome: "completed",
    status: null,
    principal: "ann",
    requestId: "r-1",
    secrets: [],
    reads: null,
  };
}

async function fill(sql: Sql): Promise<void> {
  const executions = [execution(RUN)];
  await new ExecutionStore(sql).save({ executions, lines: LINES.map(line), counts: [] });
}

const seenBy = (...grants: Grant[]) =>
  visibility({ id: "p", kind: "service_key", grants }, "logs:read");
const ALL = seenBy(EVERYTHING);
/** Which lines were found, by their number. */
const numbers = ({ lines }: FoundLines) =>
  lines.map(({ logged_at }) => (logged_at.getTime() - FIRST) / 1_000);

const FILTERS: readonly (readonly [what: string, filter: LogFilter, lines: number[]])[] = [
  ["everything, newest first", {}, [4, 3, 2, 1, 0]],
  ["text in any case", { search: "fluxbase_secret" }, [0]],
  ["a percent sign as such", { search: "100%" }, [1]],
  ["an underscore as such", { search: "a_b" }, [3]],
  ["a backslash as such", { search: "a\\b" }, [3]],
  ["a level", { level: "error" }, [2]],
  ["a function", { name: "pay" }, [4]],
  ["a namespace", { namespace: "production" }, [4, 3]],
  ["no namespace", { namespace: null }, [2, 1, 0]],
  ["an execution", { executionId: RUN }, [0]],
  ["a request", { requestId: "r-1" }, [0]],
  ["a caller", { principal: "ann" }, [0]],
  ["from a moment on", { since: at(3) }, [4, 3]],
  ["before a moment", { until: at(2) }, [1, 0]],
  ["several at once", { since: at(1), search: "done", level: "info" }, [1]],
];

for (const { name } of databases) {
  Deno.test(`LogReader finds lines by what they are asked for in ${name}`, async () => {
    await withDatabase(name, async ({ sql }) => {
      await fill(sql);
      const reader = new LogReader(sql);
      for (const [what, filter, expected] of FILTERS) {
        const found = await reader.find(ALL, filter, { ascending: false, limit: 10 });
        assertEquals(numbers(found), expected, what);
        assertEquals([found.total, found.more], [expected.length, false], what);
      }
    });
  });

  Deno.test(`LogReader shows what the grants cover, and page after page, in ${name}`, async () => {
    await withDatabase(name, async ({ sql }) => {
      await fill(sql);
      const reader = new LogReader(sql);
      const grant = (namespaces: string[], names = ["*"]): Grant => ({
        actions: ["logs:read"],
        namespaces,
        names,
      });
      const shown = async (...grants: Grant[]) =>
        numbers(await reader.find(seenBy(...grants), {}, { ascending: true, limit: 10 }));
      assertEquals(await shown(grant(["@global"])), [0, 1, 2]);
      assertEquals(await shown(grant(["prod*"])), [3, 4]);
      assertEquals(await shown(grant(["prod*"], ["pay"])), [4]);
      assertEquals(await shown(grant(["prod*"], ["pay"]), grant(["@global"], ["hell*"])), [
        0,
        1,
        2,
        4,
      ]);
      assertEquals(await shown({ ...EVERYTHING, actions: ["secrets:list"] }), []);
      for (const ascending of [true, false]) {
        const pages: number[][] = [];
        let after: { at: Date; id: number } | undefined;
        do {
          const page = { ascending, limit: 2, ...(after && { after }) };
          const found = await reader.find(ALL, {}, page);
          pages.push(numbers(found));
          assertEquals(found.total, 5);
          const last = found.lines.at(-1)!;
          after = found.more ? { at: last.logged_at, id: last.id } : undefined;
        } while (after !== undefined);
        assertEquals(pages, ascending ? [[0, 1], [2, 3], [4]] : [[4, 3], [2, 1], [0]]);
      }
      const stats = await reader.stats(ALL, {});
      assertEquals(stats, {
        total: 5,
        byLevel: { error: 1, info: 4 },
        oldest: at(0),
        newest: at(4),
      });
      assertEquals((await reader.stats(seenBy(grant(["nowhere"])), {})).total, 0);
    });
  });

  Deno.test(`the log is bounded by age and by rows, the oldest first, in ${name}`, async () => {
    await withDatabase(name, async ({ sql }) => {
      const lines = Array.from({ length: 25 }, (_, i) => line({ text: String(i) }, i));
      const executions = lines.map((_, i) => execution(crypto.randomUUID(), i));
      await new ExecutionStore(sql).save({ executions, lines, counts: [] });
      const left = async () =>
        (await sql`select (select count(*) from functions.execution_logs) as lines,
          (select min(message::int) from functions.execution_logs) as oldest,
          (select count(*) from functions.executions) as runs,
          (select min(started_at) from functions.executions) as first`)[0];
      assertEquals(await trimLines(sql, 20, 2), 5);
      assertEquals(await trimExecutions(sql, 18, 2), 7);
      assertEquals(await left(), { lines: 20, oldest: 5, runs: 18, first: at(7) });
      assertEquals([await trimLines(sql, 20, 2), await trimExecutions(sql, 18, 2)], [0, 0]);
      assertEquals(await purgeOld(sql, at(10), 2), 5 + 3);
      assertEquals(await left(), { lines: 15, oldest: 10, runs: 15, first: at(10) });
    });
  });
}
