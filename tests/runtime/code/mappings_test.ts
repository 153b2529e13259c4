import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { keepSources } from "../../../lib/runtime/code/mappings.ts";

/** A segment with absolute numbers: a column, then source, line and column, or nothing. */
type Segment = readonly [column: number, origin: readonly [number, number, number] | null];

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function writeNumber(value: number): string {
  const bits = Math.abs(value) * 2 + (value < 0 ? 1 : 0);
  const digits = bits.toString(32).split("").map((digit) => parseInt(digit, 32)).reverse();
  return digits.map((digit, at) => DIGITS[at < digits.length - 1 ? digit + 32 : digit]).join("");
}

function write(lines: readonly (readonly Segment[])[]): string {
  const last = [0, 0, 0];
  return lines.map((line) => {
    let before = 0;
    return line.map(([column, origin]) => {
      const text = writeNumber(column - before);
      before = column;
      if (origin === null) return text;
      return text + origin.map((value, index) => {
        const difference = value - (last[index] ?? 0);
        last[index] = value;
        return writeNumber(difference);
      }).join("");
    }).join(",");
  }).join(";");
}

const number = fc.nat({ max: 1_000_000 });
const segment = fc.tuple(
  number,
  fc.option(fc.tuple(fc.nat({ max: 2 }), number, number), { freq: 4, nil: null }),
);
const lines = fc.array(fc.array(segment, { maxLength: 6 }), { minLength: 1, maxLength: 6 })
  .map((all) => all.map((line) => line.toSorted((a, b) => a[0] - b[0])));

Deno.test("keepSources() keeps exactly what belongs to the kept sources", () => {
  fc.assert(fc.property(lines, fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), (all, kept) => {
    const numbers = kept.map((_, source) => kept.slice(0, source).filter(Boolean).length);
    let known = false;
    const expected = all.map((line) =>
      line.flatMap(([column, origin]): Segment[] => {
        const before = known;
        known = origin !== null && kept[origin[0]] === true;
        if (known && origin) return [[column, [numbers[origin[0]] ?? 0, origin[1], origin[2]]]];
        return before ? [[column, null]] : [];
      })
    );
    assertEquals(keepSources(write(all), kept), write(expected));
  }));
});

Deno.test("keepSources() drops the names of variables", () => {
  assertEquals(keepSources("AAAAA,CAACB", [true]), "AAAA,CAAC");
});

Deno.test("keepSources() takes no mappings at all", () => {
  assertEquals([keepSources("", []), keepSources(";;", [true])], ["", ";;"]);
});
