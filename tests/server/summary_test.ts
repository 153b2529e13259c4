import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Facts, summary } from "../../lib/server/summary.ts";

const facts: Facts = {
  url: "http://127.0.0.1:8080",
  database: "embedded",
  databasePath: ".fluxbase/database",
  functionsDir: "functions",
  functions: ["mail"],
  jobsDir: "jobs",
  jobs: ["report"],
  scheduled: 0,
  rootKey: { from: ".fluxbase/root.key", generated: false },
  adminKey: { path: ".fluxbase/admin.key", created: false },
  missing: [],
  task: "deno task -q",
};
const many = ["a", "b", "c", "d", "e", "f"];

const cases: { name: string; given: Partial<Facts>; line: string }[] = [
  { name: "the functions there are", given: {}, line: "Functions  functions (mail)" },
  {
    name: "no directory",
    given: { functions: null },
    line: "Functions  functions (not there yet)",
  },
  { name: "no function", given: { functions: [] }, line: "Functions  functions (empty)" },
  {
    name: "more functions than fit",
    given: { functions: many },
    line: "Functions  functions (a, b, c, d, e, …)",
  },
  { name: "the jobs there are", given: {}, line: "Jobs       jobs (report)" },
  {
    name: "jobs with a schedule",
    given: { jobs: null, scheduled: 2 },
    line: "Jobs       jobs (not there yet), 2 scheduled",
  },
  { name: "PostgreSQL", given: { database: "postgres" }, line: "Database   PostgreSQL" },
  {
    name: "a new root key",
    given: { rootKey: { from: "root.key", generated: true } },
    line: "Root key   root.key (made just now: keep a copy, nothing opens without it)",
  },
  {
    name: "an admin key elsewhere",
    given: { adminKey: null },
    line: "Admin key  not on this machine; the CLI takes one in FLUXBASE_TOKEN",
  },
  { name: "what is missing", given: { missing: ["setpriv: …"] }, line: "Missing    setpriv: …" },
  {
    name: "what to type next",
    given: { functions: null },
    line: "cp -r examples/functions/. functions",
  },
  {
    name: "the examples also where there is a directory",
    given: { functions: [] },
    line: "cp -r examples/functions/. functions",
  },
];

Deno.test("the summary of a start tells where things are and what to type next", async (t) => {
  for (const { name, given, line } of cases) {
    await t.step(name, () => {
      const lines = summary({ ...facts, ...given }, 1_250).split("\n").map((text) => text.trim());
      assertEquals(lines.filter((text) => text === line).length, 1, lines.join("\n"));
      assertStringIncludes(lines[0]!, "is ready after 1.3 s");
    });
  }
});
