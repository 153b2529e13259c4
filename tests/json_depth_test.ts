import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { nestsDeeper } from "../lib/json_depth.ts";

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

Deno.test("nestsDeeper() agrees with the parsed value, whatever is in its texts", () => {
  const key = fc.string().filter((text) => text !== "__proto__");
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.oneof(fc.string(), fc.constantFrom('"', "\\", '\\"[', "{[", "]]"), fc.integer()),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(json, fc.nat(8), fc.constantFrom(undefined, 2), (value, limit, indent) => {
      const bytes = new TextEncoder().encode(JSON.stringify(value, null, indent));
      assertEquals(nestsDeeper(bytes, limit), depthOf(value) > limit);
    }),
    { numRuns: 2_000 },
  );
});
