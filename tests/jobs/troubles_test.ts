/** How what goes wrong with the queue is told. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { createLog, errorFields } from "../../lib/log.ts";
import { StatementError } from "../../lib/store/sql_error.ts";
import { errorOf, sparingly } from "../../lib/jobs/troubles.ts";

/** A copy as pg-boss makes one, and what the log tells of it. */
const COPIES: readonly (readonly [string, () => Error, Readonly<Record<string, unknown>>])[] = [
  [
    "a database that is away",
    () => new AppError("STORE_UNAVAILABLE", "The database cannot serve now"),
    { error: "AppError", error_code: "STORE_UNAVAILABLE" },
  ],
  [
    "a statement that is refused",
    () => Object.assign(new TypeError("canary"), { code: "23505" }),
    { error: "Error", error_code: "23505" },
  ],
  [
    "a statement that the store has explained",
    () =>
      new StatementError({ sqlstate: "42501", constraint: null }, { cause: new Error("canary") }),
    { error: "StatementError", error_code: "42501" },
  ],
];

for (const [what, make, told] of COPIES) {
  Deno.test(`a copy of the error of ${what} is told like the error`, () => {
    const error = make();
    const { message, stack } = error;
    const copy = { ...error, message, stack, queue: "fluxbase_jobs" };
    const { at, ...fields } = errorFields(errorOf(copy));
    assertEquals(Object.fromEntries(Object.entries(fields).filter(([, v]) => v)), told);
    assert(String(at).includes("troubles_test.ts"), String(at));
    assert(!JSON.stringify(fields).includes("canary"));
  });
}

Deno.test("what is no error, or one already, stays as it is", () => {
  const error = new AppError("STORE_UNAVAILABLE", "The database cannot serve now");
  for (const each of [error, undefined, null, "text", {}, { message: 5 }]) {
    assertEquals(errorOf(each), each);
  }
  assertInstanceOf(errorOf(error), AppError);
});

Deno.test("troubles that are alike are told once a minute, others at once", () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line.slice(13)), format: "text" });
  let now = 0;
  const onTrouble = sparingly(
    (what, _error, left_out) => log.warn("jobs", { what, left_out }),
    () => now,
  );
  const away = () => new AppError("STORE_UNAVAILABLE", "The database cannot serve now");
  for (; now < 59_000; now += 200) onTrouble("queue", away());
  onTrouble("jobs not claimed", away());
  onTrouble("queue", new TypeError("another"));
  const refused = (sqlstate: string) => new StatementError({ sqlstate, constraint: null });
  onTrouble("queue", refused("42501"));
  onTrouble("queue", refused("42P01"));
  now = 60_000;
  onTrouble("queue", away());
  assertEquals(lines, [
    "WARN  jobs what=queue left_out=0",
    'WARN  jobs what="jobs not claimed" left_out=0',
    "WARN  jobs what=queue left_out=0",
    "WARN  jobs what=queue left_out=0",
    "WARN  jobs what=queue left_out=0",
    "WARN  jobs what=queue left_out=294",
  ]);
});
