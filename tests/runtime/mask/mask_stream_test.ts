import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { maskBytes, MaskStream, maskText } from "../../../lib/runtime/mask/mask_stream.ts";
import { Matcher } from "../../../lib/runtime/mask/matcher.ts";
import { chunksAt, fromUtf8, join, naiveMask, utf8 } from "./reference.ts";

function compile(...words: string[]): Matcher {
  return Matcher.compile(words.map(utf8));
}

/** What a stream makes of chunks, and the most it held back. */
function run(matcher: Matcher, chunks: readonly Uint8Array[]): { out: Uint8Array; held: number } {
  const stream = new MaskStream(matcher);
  let held = 0;
  const out = chunks.map((chunk) => {
    const ready = stream.push(chunk).slice();
    held = Math.max(held, stream.heldBytes);
    return ready;
  });
  return { out: join([...out, stream.flush()]), held };
}

const CASES: { name: string; words: string[]; text: string; masked: string }[] = [
  { name: "one value", words: ["secret"], text: "a secret b", masked: "a *** b" },
  { name: "a value alone", words: ["secret"], text: "secret", masked: "***" },
  { name: "a value twice", words: ["secret"], text: "secret secret", masked: "*** ***" },
  { name: "touching values", words: ["secret", "hidden"], text: "xsecrethiddeny", masked: "x***y" },
  { name: "overlapping values", words: ["abcdef", "defghi"], text: "-abcdefghi-", masked: "-***-" },
  { name: "a value within another", words: ["abcdef", "bcd"], text: "-abcdef-", masked: "-***-" },
  { name: "an inner value alone", words: ["abcdef", "bcd"], text: "-abcd-", masked: "-a***-" },
  { name: "a prefix of another", words: ["token", "token-2"], text: "token-2.", masked: "***." },
  { name: "the prefix alone", words: ["token", "token-2"], text: "token-1.", masked: "***-1." },
  { name: "a repetition in itself", words: ["ababab"], text: "xababababay", masked: "x***ay" },
  { name: "the beginning of a value", words: ["secret"], text: "a secre", masked: "a secre" },
  { name: "a value over lines", words: ["one\ntwo"], text: "one\ntwo\n", masked: "***\n" },
];

for (const { name, words, text, masked } of CASES) {
  Deno.test(`MaskStream masks ${name}, wherever the text is split`, () => {
    const bytes = utf8(text);
    for (let a = 0; a <= bytes.length; a++) {
      for (let b = a; b <= bytes.length; b++) {
        const { out } = run(compile(...words), chunksAt(bytes, [a, b]));
        assertEquals(fromUtf8(out), masked, `split at ${a} and ${b}`);
      }
    }
    assertEquals(maskText(compile(...words), text), masked);
  });
}

Deno.test("MaskStream equals the naive masker for random patterns, texts and splits", () => {
  const unit = fc.constantFrom("a", "b", "\n", "\u00e9");
  const word = fc.string({ unit, minLength: 3, maxLength: 9 });
  const words = fc.array(word, { minLength: 1, maxLength: 6 });
  const text = (list: string[]) =>
    fc.array(fc.oneof(fc.constantFrom(...list), fc.string({ unit, maxLength: 6 })), {
      maxLength: 12,
    }).map((parts) => parts.join(""));
  const input = words.chain((list) => fc.tuple(fc.constant(list), text(list)));
  const property = fc.property(input, fc.array(fc.nat(), { maxLength: 12 }), ([list, s], cuts) => {
    const patterns = list.map(utf8);
    const matcher = Matcher.compile(patterns);
    const expected = naiveMask(patterns, utf8(s));
    const { out, held } = run(matcher, chunksAt(utf8(s), cuts));
    assertEquals(out, expected);
    assertEquals(maskBytes(matcher, utf8(s)), expected);
    assert(held < matcher.longest, "holds back no more than the longest pattern less one byte");
  });
  fc.assert(property, { numRuns: 5000 });
});

Deno.test("MaskStream passes bytes without a match on unchanged, invalid UTF-8 as well", () => {
  const property = fc.property(fc.uint8Array(), fc.array(fc.nat()), (bytes, cuts) => {
    const { out } = run(compile("not in there, ever"), chunksAt(bytes, cuts));
    assertEquals(out, bytes);
  });
  fc.assert(property, { numRuns: 1000 });
});

Deno.test("MaskStream keeps invalid UTF-8 beside a masked value", () => {
  const bytes = Uint8Array.of(0xff, 0xc3, ...utf8("secret"), 0x80, 0xfe);
  const expected = Uint8Array.of(0xff, 0xc3, ...utf8("***"), 0x80, 0xfe);
  assertEquals(maskBytes(compile("secret"), bytes), expected);
});

Deno.test("MaskStream holds nothing back when the text can't become a value", () => {
  const stream = new MaskStream(compile("secret", "another secret of some length"));
  assertEquals(fromUtf8(stream.push(utf8("a whole line\n"))), "a whole line\n");
  assertEquals(stream.heldBytes, 0);
  assertEquals(fromUtf8(stream.push(utf8("password: sec"))), "password: ");
  assertEquals(fromUtf8(stream.push(utf8("ond try\n"))), "second try\n");
});

Deno.test("MaskStream.flush() emits what is held and the stream may go on", () => {
  const stream = new MaskStream(compile("secret"));
  assertEquals(fromUtf8(stream.push(utf8("a sec"))), "a ");
  assertEquals(fromUtf8(stream.flush()), "sec");
  assertEquals(fromUtf8(stream.push(utf8("ond secret"))), "ond ***");
  assertEquals(stream.flush().length, 0);
});

Deno.test("MaskStream keeps no reference to a chunk", () => {
  const stream = new MaskStream(compile("secret"));
  const chunk = utf8("a secr");
  stream.push(chunk);
  chunk.fill(0);
  assertEquals(fromUtf8(join([stream.push(utf8("a")), stream.flush()])), "secra");
});

Deno.test("streams that share a matcher don't disturb each other", () => {
  const matcher = compile("secret");
  const [one, two] = [new MaskStream(matcher), new MaskStream(matcher)];
  one.push(utf8("sec"));
  two.push(utf8("sec"));
  assertEquals(fromUtf8(one.push(utf8("ret!"))), "***!");
  assertEquals(fromUtf8(two.push(utf8("ond!"))), "second!");
});

Deno.test("maskText() and maskBytes() return what they got when nothing matches", () => {
  const matcher = compile("secret");
  const text = "nothing here, \ud800 not even Unicode";
  const bytes = utf8("nothing here");
  assertStrictEquals(maskText(matcher, text), text);
  assertStrictEquals(maskBytes(matcher, bytes), bytes);
  assertEquals(maskText(matcher, "\ufeffa secret"), "\ufeffa ***");
});
