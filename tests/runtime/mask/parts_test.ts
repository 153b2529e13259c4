import { assertEquals } from "@std/assert";
import { isMaskable, partsOf } from "../../../lib/runtime/mask/parts.ts";

const KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDG/+xy01234567";
const PEM = `-----BEGIN PRIVATE KEY-----\n${KEY_LINE}\nabcDEF==\n-----END PRIVATE KEY-----`;

const CASES: { name: string; value: string; parts: string[] }[] = [
  { name: "a plain value", value: "hunter2", parts: ["hunter2"] },
  { name: "a value with a line end", value: " hunter2\r\n", parts: ["hunter2"] },
  { name: "a value that is too short", value: "12345", parts: [] },
  { name: "white space", value: "            ", parts: [] },
  {
    name: "lines, the long ones alone",
    value: "a line of 16 and\nshort\r\n  another long line",
    parts: [
      "a line of 16 and\nshort\r\n  another long line",
      "a line of 16 and",
      "another long line",
    ],
  },
  { name: "a key's lines without its armour", value: PEM, parts: [PEM, KEY_LINE, "abcDEF=="] },
  {
    name: "a key with escaped line ends",
    value: PEM.replaceAll("\n", "\\n"),
    parts: [PEM.replaceAll("\n", "\\n"), KEY_LINE, "abcDEF=="],
  },
  {
    name: "the long strings of a JSON object",
    value: '{"type":"short","deep":[{"key":"leaf-value"}],"n":12345678,"no":null}',
    parts: ['{"type":"short","deep":[{"key":"leaf-value"}],"n":12345678,"no":null}', "leaf-value"],
  },
  { name: "broken JSON", value: '{"key":"leaf-value"', parts: ['{"key":"leaf-value"'] },
  { name: "a JSON array", value: '["leaf-value"]', parts: ['["leaf-value"]'] },
  {
    name: "a URL's password",
    value: "postgres://app:p%40ssword@db:5432/app",
    parts: ["postgres://app:p%40ssword@db:5432/app", "p%40ssword", "p@ssword"],
  },
  {
    name: "a URL's password that is a word",
    value: "postgres://app:app@db:5432/app",
    parts: ["postgres://app:app@db:5432/app"],
  },
  {
    name: "a URL's password with a stray percent sign",
    value: "redis://:100%secret@cache",
    parts: ["redis://:100%secret@cache", "100%secret"],
  },
];

for (const { name, value, parts } of CASES) {
  Deno.test(`partsOf() finds ${name}`, () => {
    assertEquals([...partsOf(value)].sort(), parts.sort());
  });
}

Deno.test("partsOf() finds a key inside JSON by its lines", () => {
  const parts = partsOf(JSON.stringify({ private_key: PEM }));
  for (const part of [PEM, KEY_LINE, "abcDEF=="]) assertEquals(parts.has(part), true, part);
});

Deno.test("partsOf() survives JSON of any depth", () => {
  const value = `${'{"a":'.repeat(5000)}"leaf-value"${"}".repeat(5000)}`;
  assertEquals(partsOf(value).has("leaf-value"), true);
});

Deno.test("isMaskable() counts without outer white space", () => {
  assertEquals(["123456", "12345 ", "", "1 3 5 "].map(isMaskable), [true, false, false, false]);
});
