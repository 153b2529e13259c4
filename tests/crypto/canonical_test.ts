import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { canonical, type Field } from "../../lib/crypto/canonical.ts";
import { AppError } from "../../lib/errors.ts";

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.constant(null),
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.maxSafeInteger(),
  fc.integer({ min: -2, max: 2 }),
  fc.bigInt(),
  fc.bigInt({ min: -2n, max: 2n }),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
  fc.integer({ min: -2, max: 2 }).map((ms) => new Date(ms)),
  fc.uint8Array({ maxLength: 4 }),
);
const list = fc.array(field, { maxLength: 4 });

/** A reader written from the specification; that one exists proves that no two lists collide. */
function read(bytes: Uint8Array): { domain: string; fields: Field[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + view.getUint32(at + 1);
    fields.push(readField(view.getUint8(at), bytes.slice(at + 5, end)));
    at = end;
  }
  return { domain: String(fields[0]), fields: fields.slice(1) };
}

function readField(type: number, content: Uint8Array): Field {
  const text = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  if (type === 0 || type === 2) return text();
  if (type === 1) return null;
  if (type === 3) return Number(text());
  if (type === 4) return BigInt(text());
  if (type === 5) return content[0] === 1;
  if (type === 6) return new Date(Number(text()));
  return content;
}

Deno.test("canonical() can be read back, so different lists never have the same bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), list, (domain, fields) => {
      // -0 and 0 are one integer.
      const same = fields.map((value) => typeof value === "number" ? value + 0 : value);
      assertEquals(read(canonical(domain, fields)), { domain, fields: same });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("canonical() tells look-alikes apart", () => {
  const pairs: [Field[], Field[]][] = [
    [["ab", "c"], ["a", "bc"]],
    [["a"], ["a", ""]],
    [[], [null]],
    [[""], [null]],
    [["null"], [null]],
    [[1], ["1"]],
    [[1], [1n]],
    [[1], [true]],
    [[0], [false]],
    [[0], [new Date(0)]],
    [["a"], [Uint8Array.of(0x61)]],
    [["é"], ["e\u0301"]],
    [["a\0b"], ["a", "b"]],
  ];
  for (const [a, b] of pairs) assertNotEquals(canonical("d", a), canonical("d", b));
  assertNotEquals(canonical("a", ["b"]), canonical("ab", []));
});

Deno.test("canonical() refuses what it cannot write exactly", () => {
  for (const value of [NaN, Infinity, 1.5, 2 ** 53, new Date(NaN)]) {
    assertThrows(() => canonical("d", [value]), TypeError, "safe integer");
  }
  const missing = [undefined] as unknown as Field[];
  assertThrows(() => canonical("d", missing), TypeError, "undefined");
  for (const text of ["\ud800", "a\udc00"]) {
    const error = assertThrows(() => canonical("d", [text]), AppError);
    assertEquals(error.code, "INVALID_INPUT");
  }
});
