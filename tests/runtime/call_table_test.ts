import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CallTable } from "../../lib/runtime/guest/call_table.mjs";

Deno.test("a table of calls holds what a map holds, also when calls last long", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("begin", "end"), fc.nat()), { maxLength: 400 });
  fc.assert(fc.property(steps, fc.constantFrom(1, 7, 32, 64), (list, stride) => {
    const table = new CallTable<string>();
    const map = new Map<number, string>();
    let next = 1;
    for (const [step, choice] of list) {
      if (step === "begin") {
        // Numbers a multiple of the table's size apart meet in one slot.
        const id = next += stride;
        table.add(id, `call ${id}`);
        map.set(id, `call ${id}`);
      } else if (map.size > 0) {
        const id = [...map.keys()][choice % map.size]!;
        table.delete(id);
        table.delete(id);
        map.delete(id);
        assertEquals(table.get(id), undefined);
      }
    }
    assertEquals(table.size, map.size);
    assertEquals(table.values().sort(), [...map.values()].sort());
    for (const [id, value] of map) assertEquals(table.get(id), value);
  }));
});
