import { assertEquals } from "@std/assert";
import { formatTable, formatTime } from "../../lib/cli/output.ts";

Deno.test("formatTable() cuts nothing and leaves no space at the end of a line", () => {
  const long = "X".repeat(300);
  assertEquals(formatTable([[long, "-"], ["a", "b"]], null), `${long}  -\na${" ".repeat(301)}b`);
});

Deno.test("formatTable() keeps a cell from steering the terminal", () => {
  assertEquals(formatTable([["a\x1b[31m\n\u202eb", "c"]], null), "a[31mb  c");
});

Deno.test("formatTable() styles the heading only", () => {
  assertEquals(formatTable([["a"]], ["NAME"], (text) => `<${text}>`), "<NAME>\na");
});

for (
  const [time, want] of [
    ["2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05Z"],
    ["2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05Z"],
    [undefined, "-"],
    [null, "-"],
  ] as const
) {
  Deno.test(`formatTime() shows ${time}`, () => assertEquals(formatTime(time), want));
}
