import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SEAL_BLOCK, SealCounter } from "../../lib/keyring/seal_counter.ts";

Deno.test("the count of seals is never less than what was sealed, nor much more", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.nat({ max: 3 * SEAL_BLOCK }), { maxLength: 20 }),
    async (looks) => {
      let stored = 0;
      const counter = new SealCounter({
        add: (seals) => {
          stored += seals.get("key") ?? 0;
          return Promise.resolve();
        },
      });
      await counter.note(new Map([["key", 0]]));
      assertEquals(stored, SEAL_BLOCK);
      let sealed = 0;
      for (const count of looks) {
        sealed += count;
        await counter.note(new Map([["key", count]]));
        assert(stored >= sealed + SEAL_BLOCK / 2, "half a block is left for what comes");
        assert(stored <= sealed + 2 * SEAL_BLOCK);
      }
    },
  ));
});

Deno.test("seals that could not be written down are made up for", async () => {
  let fails = true;
  let stored = 0;
  const counter = new SealCounter({
    add(seals) {
      if (fails) return Promise.reject(new Error("no database"));
      stored += seals.get("key") ?? 0;
      return Promise.resolve();
    },
  });
  await counter.note(new Map([["key", 5_000]])).catch(() => {});
  fails = false;
  await counter.note(new Map([["key", 1]]));
  assert(stored >= 5_001);
});
