import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { GrowingMasker } from "../../../lib/runtime/mask/growing_masker.ts";
import { createMasker } from "../../../lib/runtime/mask/masker.ts";
import { chunksAt, fromUtf8, join, utf8 } from "./reference.ts";

Deno.test("GrowingMasker masks as a masker of all its values does, however they came", () => {
  const unit = fc.constantFrom("a", "b", "\u00e9");
  const value = fc.string({ unit, minLength: 6, maxLength: 9 });
  const text = (values: readonly string[]) =>
    fc.array(fc.oneof(fc.constantFrom(...values), fc.string({ unit, maxLength: 6 })), {
      maxLength: 12,
    }).map((parts) => parts.join(""));
  const input = fc.array(value, { minLength: 1, maxLength: 12 })
    .chain((values) => fc.tuple(fc.constant(values), text(values)));
  const property = fc.property(input, fc.array(fc.nat(), { maxLength: 6 }), fc.nat(12), (
    [values, printed],
    cuts,
    given,
  ) => {
    const growing = new GrowingMasker(createMasker(values.slice(0, given)));
    const stream = growing.stream();
    for (const each of values.slice(given)) growing.add([each]);
    const chunks = chunksAt(utf8(printed), cuts).map((chunk) => stream.push(chunk).slice());
    const expected = createMasker(values).text(printed);
    assertEquals(fromUtf8(join([...chunks, stream.flush()])), expected);
    assertEquals(growing.text(printed), expected);
    assertEquals(growing.contains(utf8(printed)), expected !== printed);
  });
  fc.assert(property, { numRuns: 300 });
});

Deno.test("GrowingMasker.add() holds from then on, in a stream that runs", () => {
  const growing = new GrowingMasker(createMasker(["of the base"]));
  const stream = growing.stream();
  const print = (text: string) => fromUtf8(stream.push(utf8(text)));
  assertEquals(print("of the base, hunter22\n"), "***, hunter22\n");
  growing.add(["hunter22"]);
  assertEquals(print("of the base, hunter22\n"), "***, ***\n");
  growing.add(["hunter22", "hunter33"]);
  assertEquals(print("hunter22hunter33 of the ba"), "*** ");
  growing.add(["the bazaar"]);
  assertEquals(print("zaar\n"), "of ***\n");
  assertEquals(growing.added, 3);
});

Deno.test("GrowingMasker keeps few layers, and adds each value to them a few times", () => {
  const growing = new GrowingMasker(createMasker([]));
  for (let i = 0; i < 1_000; i++) {
    growing.add([`value number ${i}`]);
    assert(growing.matchers.length <= 2 + Math.ceil(Math.log2(i + 2)), `${i}`);
  }
  assertEquals(growing.text("a value number 17 and value number 999"), "a *** and ***");
});
