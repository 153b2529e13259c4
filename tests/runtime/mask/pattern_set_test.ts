import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PatternSet } from "../../../lib/runtime/mask/pattern_set.ts";
import { fromUtf8, utf8 } from "./reference.ts";

const WORDS = ["abc", "abcdef", "abd", "b", "bcd", "abc", "ab\u00ff"];

function setOf(words: readonly string[]): PatternSet {
  return new PatternSet(words.map(utf8));
}

Deno.test("PatternSet keeps each pattern once, in order", () => {
  const set = setOf(WORDS);
  assertEquals([...set].map(fromUtf8), ["abc", "abcdef", "abd", "ab\u00ff", "b", "bcd"]);
  assertEquals([set.size, set.shortest, set.longest], [6, 1, 6]);
});

Deno.test("PatternSet without patterns finds nothing", () => {
  const set = setOf([]);
  assertEquals([set.size, set.shortest, set.longest], [0, 0, 0]);
  assertEquals([set.longestAt(utf8("abc"), 0, 3), set.mayContinue(utf8("abc"), 0, 3)], [0, false]);
});

Deno.test("PatternSet.longestAt() returns the longest pattern that is all there", () => {
  const cases: [string, number][] = [
    ["abcdef", 6],
    ["abcdefg", 6],
    ["abcde", 3],
    ["abcz", 3],
    ["ab", 0],
    ["abe", 0],
    ["bcc", 1],
    ["zzz", 0],
  ];
  for (const [text, length] of cases) {
    assertEquals(setOf(WORDS).longestAt(utf8(text), 0, text.length), length, text);
  }
});

Deno.test("PatternSet.mayContinue() tells whether more bytes can make a longer pattern", () => {
  const cases: [string, boolean][] = [
    ["a", true],
    ["ab", true],
    ["abc", true],
    ["abcdef", false],
    ["abd", false],
    ["abe", false],
    ["b", true],
    ["bcd", false],
    ["z", false],
  ];
  for (const [text, expected] of cases) {
    assertEquals(setOf(WORDS).mayContinue(utf8(text), 0, text.length), expected, text);
  }
});

Deno.test("PatternSet agrees with a look at each pattern, whatever they share", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 7 });
  const property = fc.property(fc.array(word, { maxLength: 40 }), word, (words, text) => {
    const bytes = utf8(text);
    const set = setOf(words);
    const lengths = words.filter((w) => text.startsWith(w)).map((w) => w.length);
    assertEquals(set.longestAt(bytes, 0, bytes.length), Math.max(0, ...lengths));
    const longer = words.some((w) => w.length > text.length && w.startsWith(text));
    assertEquals(set.mayContinue(bytes, 0, bytes.length), longer);
  });
  fc.assert(property, { numRuns: 3000 });
});

Deno.test("PatternSet looks at a byte of the text once, however many patterns begin alike", () => {
  const alike = "p".repeat(58);
  const set = setOf(
    Array.from({ length: 1_000 }, (_, i) => `${alike}${String(i).padStart(6, "0")}`),
  );
  for (const text of ["p".repeat(64), `${alike}000500`, `${alike}zzzzzz`, `${alike}!!!!!!`]) {
    let looks = 0;
    const counted = new Proxy(utf8(text), {
      get(bytes, name) {
        looks++;
        return bytes[Number(name)];
      },
    });
    set.longestAt(counted, 0, text.length);
    // Each byte, and one for each of the ten steps to a pattern; the last of each is looked at twice.
    assert(looks <= text.length + 2 * 10 + 1, `${looks} looks`);
  }
});
