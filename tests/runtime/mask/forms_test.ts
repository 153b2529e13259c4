import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { inspect } from "node:util";
import { textForms } from "../../../lib/runtime/mask/encodings.ts";
import { MAX_PATTERN_LENGTH, patternsOf } from "../../../lib/runtime/mask/forms.ts";
import { createMasker } from "../../../lib/runtime/mask/masker.ts";
import { MIN_MASKED_LENGTH } from "../../../lib/runtime/mask/parts.ts";
import { utf8 } from "./reference.ts";

const VALUE = `?p+a/s&s w="ö'!\\ü$#`;
const LINES = "first line\tof two\nsecond\u001bline";

/** How programs turn a value into output, by a way that is not ours. */
const FORMS: { name: string; encode(value: string): string }[] = [
  { name: "itself", encode: (v) => v },
  { name: "encodeURIComponent", encode: encodeURIComponent },
  { name: "lower-case percent digits", encode: (v) => lowerDigits(encodeURIComponent(v)) },
  { name: "encodeURI", encode: encodeURI },
  { name: "a form", encode: (v) => new URLSearchParams({ v }).toString().slice(2) },
  { name: "a URL's password", encode: password },
  { name: "a URL's query", encode: query },
  { name: "RFC 3986", encode: rfc3986 },
  { name: "JSON in ASCII", encode: asciiJson },
  { name: "JSON", encode: (v) => JSON.stringify(v).slice(1, -1) },
  { name: "JSON in JSON", encode: (v) => JSON.stringify(JSON.stringify([v])).slice(4, -4) },
  { name: "Deno.inspect", encode: (v) => unquoted(Deno.inspect([v])) },
  { name: "util.inspect", encode: (v) => unquoted(inspect([v])) },
  { name: "base64", encode: (v) => utf8(v).toBase64() },
  { name: "base64url", encode: (v) => base64Url(utf8(v)) },
  { name: "hexadecimal", encode: (v) => utf8(v).toHex() },
  { name: "upper-case hexadecimal", encode: (v) => utf8(v).toHex().toUpperCase() },
];

/** The inner text of the one string in an inspected array. */
function unquoted(array: string): string {
  return array.slice(1, -1).trim().slice(1, -1);
}

function lowerDigits(text: string): string {
  return text.replace(/%../g, (digits) => digits.toLowerCase());
}

function password(value: string): string {
  const url = new URL("https://user@host");
  url.password = value;
  return url.password;
}

function query(value: string): string {
  const url = new URL("https://host");
  url.search = `?${value}`;
  return url.search.slice(1);
}

function rfc3986(value: string): string {
  const kept = /[A-Za-z0-9._~-]/;
  return [...utf8(value)].map((byte) => {
    const char = String.fromCharCode(byte);
    return kept.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

function asciiJson(value: string): string {
  return JSON.stringify(value).slice(1, -1).split("").map((unit) => {
    const code = unit.charCodeAt(0);
    return code < 0x7f ? unit : `\\u${code.toString(16).padStart(4, "0")}`;
  }).join("");
}

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

for (const { name, encode } of FORMS) {
  Deno.test(`a value in the form of ${name} is masked whole`, () => {
    for (const value of [VALUE, LINES, "plain-token_1234", VALUE.repeat(20)]) {
      const text = createMasker([value]).text(`<${encode(value)}>`);
      assertEquals(text, "<***>", `${name} of ${value}`);
    }
  });
}

Deno.test("random values are masked whole in each form", () => {
  const value = fc.string({ unit: "grapheme", minLength: MIN_MASKED_LENGTH, maxLength: 150 })
    .filter((v) => v === v.trim() && v.isWellFormed());
  const property = fc.property(value, fc.constantFrom(...FORMS), (v, { encode }) => {
    assertEquals(createMasker([v]).text(`\u0001${encode(v)}\u0001`), "\u0001***\u0001");
  });
  fc.assert(property, { numRuns: 1000 });
});

Deno.test("base64 of a larger text keeps no character that is the value's alone", () => {
  const value = "s3cr3t-value/with?more>bytes";
  const masker = createMasker([value]);
  for (let before = 0; before < 6; before++) {
    for (let after = 0; after < 6; after++) {
      const bytes = utf8("~".repeat(before) + value + "~".repeat(after));
      const first = Math.ceil((8 * before) / 6);
      const end = Math.floor((8 * (before + value.length)) / 6);
      for (const encoded of [bytes.toBase64(), base64Url(bytes)]) {
        const rest = after === 0 ? "" : encoded.slice(end);
        assertEquals(masker.text(encoded), `${encoded.slice(0, first)}***${rest}`);
      }
    }
  }
});

Deno.test("the header of basic authentication is masked", () => {
  const text = createMasker(["correct horse"]).text(`Basic ${btoa("aladdin:correct horse")}`);
  assert(/^Basic .{11}\*\*\*$/.test(text), text);
});

Deno.test("a value that is not well-formed Unicode is masked as it is encoded", () => {
  assertEquals(createMasker(["secret\ud800"]).text("<secret\ud800>"), "<***>");
});

Deno.test("patternsOf() gives none for what can't be masked", () => {
  assertEquals(["", "12345", "      ", "abc\n\n\n\n"].flatMap(patternsOf), []);
});

Deno.test("patternsOf() keeps every pattern between the bounds that streams rely on", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 500 }),
    fc.string({ unit: fc.constantFrom("a", "\n", "\t", "?"), maxLength: 12 }),
  );
  const property = fc.property(value, (v) => {
    const lengths = patternsOf(v).map((pattern) => pattern.length);
    assert(lengths.every((n) => n >= MIN_MASKED_LENGTH && n <= MAX_PATTERN_LENGTH), `${lengths}`);
  });
  fc.assert(property, { numRuns: 500 });
});

Deno.test("textForms() of a plain token is the token alone", () => {
  assertEquals([...textForms("plain-token_1234.~")], ["plain-token_1234.~"]);
});
