import { assertEquals } from "@std/assert";
import { failureOf } from "../../lib/cli/answer.ts";
import { exitCodeOf } from "../../lib/cli/failure.ts";

const STATUSES = [
  [400, 2],
  [401, 3],
  [403, 3],
  [404, 4],
  [405, 2],
  [408, 1],
  [409, 5],
  [412, 5],
  [413, 2],
  [429, 1],
  [500, 1],
  [502, 1],
  [503, 1],
  [301, 1],
] as const;

for (const [status, exit] of STATUSES) {
  Deno.test(`exitCodeOf() maps status ${status} without a code to ${exit}`, () => {
    assertEquals(exitCodeOf(status), exit);
  });
}

Deno.test("exitCodeOf() prefers a known error code, and ignores an unknown one", () => {
  assertEquals(exitCodeOf(422, "IDEMPOTENCY_KEY_REUSED"), 5);
  assertEquals(exitCodeOf(404, "toString"), 4);
});

Deno.test("failureOf() shows the server's sentence, and the request id of its own faults", () => {
  const body = { error: "Secret not found", code: "SECRET_NOT_FOUND", request_id: "r1" };
  const failure = failureOf(404, JSON.stringify(body));
  assertEquals([failure.message, failure.exit, failure.hint], [
    "Secret not found",
    4,
    "List what exists with: secrets list",
  ]);
  const internal = { error: "Internal error", code: "INTERNAL_ERROR", request_id: "r1" };
  assertEquals(failureOf(500, JSON.stringify(internal)).message, "Internal error (r1)");
});

for (const text of ["", "<html>", "null", "[]", '"x"', '{"error":{}}']) {
  Deno.test(`failureOf() survives the body ${text}`, () => {
    assertEquals(failureOf(502, text).message, "API error with status 502");
  });
}
