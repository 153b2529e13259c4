import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Matcher } from "../../../lib/runtime/mask/matcher.ts";
import { utf8 } from "./reference.ts";

function compile(...words: string[]): Matcher {
  return Matcher.compile(words.map(utf8));
}

Deno.test("Matcher.compile() refuses patterns of less than three bytes", () => {
  assertThrows(() => compile("abcd", "ab"), RangeError);
});

Deno.test("Matcher.compile() keeps its own copy of the patterns", () => {
  const pattern = utf8("secret");
  const matcher = Matcher.compile([pattern]);
  pattern.fill(0);
  assertEquals(matcher.find(utf8("a secret"), 0), 2);
});

Deno.test("Matcher without patterns finds nothing and waits for nothing", () => {
  const matcher = compile();
  assertEquals([matcher.find(utf8("text"), 0), matcher.undecidedFrom(utf8("text"))], [-1, 4]);
});

Deno.test("Matcher.find() finds the leftmost and lengthAt() the longest pattern", () => {
  const matcher = compile("token", "token-long", "kenya");
  const cases: [string, number, number, number][] = [
    ["a token-long b", 0, 2, 10],
    ["a token-lon b", 0, 2, 5],
    ["tokenya", 0, 0, 5],
    ["tokenya", 1, 2, 5],
    ["token", 0, 0, 5],
    ["toke", 0, -1, 0],
    ["", 0, -1, 0],
  ];
  for (const [text, from, at, length] of cases) {
    const bytes = utf8(text);
    const found = matcher.find(bytes, from);
    assertEquals([found, found < 0 ? 0 : matcher.lengthAt(bytes, found)], [at, length], text);
  }
});

Deno.test("Matcher.undecidedFrom() is the first place that may still become a pattern", () => {
  const matcher = compile("token", "token-long");
  const cases: [string, number][] = [
    ["a to", 2],
    ["a token", 2],
    ["a token ", 8],
    ["a token-long", 12],
    ["totototo", 6],
    ["", 0],
  ];
  for (const [text, at] of cases) assertEquals(matcher.undecidedFrom(utf8(text)), at, text);
});

Deno.test("Matcher.find() misses no occurrence in random bytes of any window length", () => {
  const bytes = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom(0, 97, 98, 255), { minLength, maxLength }).map((b) =>
      Uint8Array.from(b)
    );
  const patterns = fc.integer({ min: 3, max: 9 }).chain((least) =>
    fc.array(bytes(least, least + 6), { minLength: 1, maxLength: 5 })
  );
  const property = fc.property(patterns, bytes(0, 80), (list, text) => {
    const matcher = Matcher.compile(list);
    const found: number[] = [];
    for (let at = matcher.find(text, 0); at >= 0; at = matcher.find(text, at + 1)) found.push(at);
    const expected = [...text.keys()].filter((at) =>
      list.some((p) => p.every((byte, i) => text[at + i] === byte))
    );
    assertEquals(found, expected);
  });
  fc.assert(property, { numRuns: 3000 });
});

Deno.test("Matcher finds all of many patterns that fill its table", () => {
  const words = Array.from({ length: 3000 }, (_, i) => `value-${(i * 7919).toString(36)}-end`);
  const matcher = compile(...words);
  for (const word of words) assertEquals(matcher.find(utf8(`x${word}`), 0), 1, word);
  assertEquals(matcher.size, new Set(words).size);
});
