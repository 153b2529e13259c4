import { assertEquals } from "@std/assert";
import { formatTime } from "../../lib/cli/output.ts";

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
