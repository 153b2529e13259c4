import { assertMatch, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { DataDir } from "../../lib/server/data_dir.ts";

const CASES: [name: string, path: string, why: RegExp][] = [
  ["below a file", `${import.meta.filename}/data`, /can't be made; name a directory/],
  // Closed to others, and nobody can make a file in it, not even root.
  ["in which nothing can be made", "/proc/self/map_files", /can't be written to; name a directory/],
  ["that others may enter", import.meta.dirname!, /is open to others; run: chmod 700/],
];

Deno.test({
  name: "DataDir.open() refuses a directory",
  ignore: Deno.build.os !== "linux",
  fn: async (t) => {
    for (const [name, path, why] of CASES) {
      await t.step(name, async () => {
        const error = await assertRejects(() => DataDir.open(path), AppError);
        assertMatch(error.message, why);
      });
    }
  },
});
