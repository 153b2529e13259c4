import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { generateRootKey, parseRootKeys, RootKey } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";

const bytes = Uint8Array.from({ length: 32 }, (_, index) => 0xff - index);
const other = Uint8Array.from({ length: 32 }, (_, index) => index * 7 & 0xff);
const id = new RootKey(bytes).id;
const base64 = bytes.toBase64();
const base64url = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
const hex = bytes.toHex();
const raw = "0123456789 abcdefghij,klmnopqrst";

Deno.test("parseRootKeys() reads one key in every spelling", () => {
  const spellings = {
    "base64": base64,
    "base64 without padding": base64.replace("=", ""),
    "base64url": base64url,
    "base64url with padding": `${base64url}=`,
    "hex": hex,
    "upper-case hex": hex.toUpperCase(),
    "space around": `  ${base64}\t`,
    "line end of a file": `${base64}\r\n`,
  };
  for (const [name, text] of Object.entries(spellings)) {
    assertEquals(parseRootKeys(text).map((key) => key.id), [id], name);
  }
});

Deno.test("parseRootKeys() takes a text of 32 bytes as it is, commas and spaces included", () => {
  const want = new RootKey(new TextEncoder().encode(raw)).id;
  assertEquals(parseRootKeys(raw).map((key) => key.id), [want]);
  assertEquals(parseRootKeys(`${raw}\n`).map((key) => key.id), [want]);
  assertEquals(parseRootKeys("ü".repeat(16)).length, 1);
});

Deno.test("parseRootKeys() keeps the order of a list", () => {
  const second = new RootKey(other).id;
  const third = new RootKey(new TextEncoder().encode("x".repeat(32))).id;
  const keys = parseRootKeys(`${base64}, ${other.toHex()},${"x".repeat(32)}`);
  assertEquals(keys.map((key) => key.id), [id, second, third]);
});

Deno.test("parseRootKeys() refuses everything else, and shows nothing of it", () => {
  const refused = {
    "nothing": "",
    "a short text": "short-canary",
    "31 characters": "c".repeat(31),
    "33 characters": "c".repeat(33),
    "32 characters, more bytes": "ü".repeat(32),
    "hex of 31 bytes": hex.slice(2),
    "hex with a wrong digit": `g${hex.slice(1)}`,
    "base64 of 33 bytes": new Uint8Array(33).toBase64(),
    "base64 with unused bits set": base64.replace(/.=$/, "B="),
    "both alphabets": `+_${"A".repeat(41)}=`,
    "an empty entry": `${base64},`,
    "a bad second entry": `${base64},canary`,
    "one key twice": `${base64},${hex}`,
  };
  for (const [name, text] of Object.entries(refused)) {
    const error = assertThrows(() => parseRootKeys(text), AppError, "", name);
    assertEquals(error.code, "CONFIG_INVALID", name);
    for (const part of text.split(",")) {
      assert(part === "" || !error.message.includes(part), `${name}: ${error.message}`);
    }
  }
});

Deno.test("parseRootKeys() names the position of the bad entry", () => {
  assertThrows(() => parseRootKeys(`${base64},canary`), AppError, "Root key 2 must be");
});

Deno.test("generateRootKey() makes a key that parses, another one each time", () => {
  const [a, b] = [generateRootKey().text, generateRootKey().text];
  assertMatch(a, /^[A-Za-z0-9+/]{43}=$/);
  assertNotEquals(a, b);
  assertNotEquals(parseRootKeys(a)[0]?.id, parseRootKeys(b)[0]?.id);
});

Deno.test("RootKey shows its id and nothing of the key", () => {
  const key = new RootKey(bytes);
  assertMatch(key.id, /^[0-9a-f]{16}$/);
  assert(!hex.includes(key.id) && !key.derive("fluxbase-wrap-v1").toHex().includes(key.id));
  const shown = Deno.inspect(key, { showHidden: true }) + JSON.stringify(key) +
    Deno.inspect(structuredClone(key));
  for (const secret of [hex, base64, bytes.slice(0, 4).join(", ")]) assert(!shown.includes(secret));
});

Deno.test("RootKey derives another key for each use, none of them the root itself", () => {
  const key = new RootKey(bytes);
  const derived = [key.derive("a").toHex(), key.derive("b").toHex(), hex];
  assertEquals(new Set(derived).size, 3);
  assertThrows(() => new RootKey(new Uint8Array(31)), TypeError, "32 bytes");
});
