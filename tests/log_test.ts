import { assert, assertEquals } from "@std/assert";
import { AppError } from "../lib/errors.ts";
import { createLog, errorFields, type LogLevel } from "../lib/log.ts";

const now = () => new Date("2026-01-02T03:04:05.678Z");

function linesOf(
  work: (log: ReturnType<typeof createLog>) => void,
  format: "json" | "text",
  level: LogLevel,
) {
  const lines: string[] = [];
  work(createLog({ write: (line) => lines.push(line), format, level, now }));
  return lines;
}

Deno.test("createLog() drops what is below its level", () => {
  const all = (log: ReturnType<typeof createLog>) => {
    for (const level of ["debug", "info", "warn", "error"] as const) log[level](level);
  };
  assertEquals(linesOf(all, "json", "debug").length, 4);
  assertEquals(linesOf(all, "json", "warn").map((line) => JSON.parse(line).event), [
    "warn",
    "error",
  ]);
});

Deno.test("a field can't forge another field or another line", () => {
  for (const hostile of ["a\nb", "x level=error", 'say "hi"', "\u001b[2J", "a=b"]) {
    for (const format of ["json", "text"] as const) {
      const lines = linesOf((log) => log.info("event", { field: hostile }), format, "info");
      assertEquals(
        [lines.length, lines[0]!.includes("\n"), lines[0]!.includes("\u001b")],
        [1, false, false] as never,
      );
      if (format === "json") assertEquals(JSON.parse(lines[0]!).field, hostile);
      else assert(lines[0]!.endsWith(`field=${JSON.stringify(hostile)}`));
    }
  }
});

Deno.test("a text line reads at a glance", () => {
  const [line] = linesOf(
    (log) => log.warn("stale secrets", { namespace: "prod", age_ms: 12, x: undefined }),
    "text",
    "info",
  );
  assertEquals(line, "03:04:05.678 WARN  stale secrets namespace=prod age_ms=12");
});

Deno.test("errorFields() tells class, code and place, and never a message", () => {
  const canary = "canary-55aa";
  const errors: unknown[] = [
    new Error(canary),
    new AppError("STORE_UNAVAILABLE", "The database cannot be reached", {
      cause: new TypeError(canary),
    }),
    new Error(`${canary}\n    at ${canary}`),
    Object.assign(new Error(canary), { code: canary, sqlstate: "23505" }),
    canary,
    { message: canary },
    null,
  ];
  for (const error of errors) {
    assert(!JSON.stringify(errorFields(error)).includes(canary));
  }
  assertEquals(errorFields(errors[3]).error_code, "23505");
  assertEquals([errorFields(errors[1]).error_code, errorFields(errors[1]).cause], [
    "STORE_UNAVAILABLE",
    "TypeError",
  ]);
  assert(String(errorFields(errors[0]).at).includes("log_test.ts"));
});
