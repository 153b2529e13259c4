import { format, inspect } from "node:util";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";

const CANARY = "canary-5b1f0c";
const value = Plaintext.fromText(CANARY);

Deno.test("Plaintext prints [redacted] wherever it is turned into text", () => {
  const shown: Record<string, string> = {
    "template string": `${value}`,
    "String()": String(value),
    "concatenation": "" + value,
    "join": [value].join(),
    "JSON.stringify": JSON.parse(JSON.stringify(value)),
    "Deno.inspect": Deno.inspect(value),
    "node inspect": inspect(value),
    "node format": format("%s", value),
    "Error message": new Error(`bad value ${value}`).message.slice("bad value ".length),
  };
  for (const [how, text] of Object.entries(shown)) assertEquals(text, "[redacted]", how);
});

Deno.test("Plaintext stays hidden inside other objects", () => {
  const holder = { value, list: [value], map: new Map([["k", value]]) };
  const texts = [
    JSON.stringify(holder),
    Deno.inspect(holder, { depth: 10, showHidden: true, getters: true }),
    inspect(holder, { depth: 10, showHidden: true, customInspect: false }),
    format("%o %O %j", holder, holder, holder),
    Deno.inspect(new Error("failed", { cause: holder })),
    JSON.stringify(Object.getOwnPropertyDescriptors(value)),
    JSON.stringify({ ...value }),
    Deno.inspect(structuredClone(value)),
  ];
  assertEquals(Reflect.ownKeys(value), []);
  assertEquals(Reflect.ownKeys(structuredClone(value)), []);
  const encoded = new TextEncoder().encode(CANARY).join(", ");
  for (const text of texts) assert(!text.includes(CANARY) && !text.includes(encoded), text);
});

Deno.test("console methods print a Plaintext as [redacted]", async () => {
  const module = new URL("../../lib/crypto/plaintext.ts", import.meta.url).href;
  const script = `
    const { Plaintext } = await import(${JSON.stringify(module)});
    const v = Plaintext.fromText(${JSON.stringify(CANARY)});
    console.log(v); console.log("%s %o %O %j", v, v, v, v); console.error({ v }); console.table([{ v }, v]);
    console.dir(v, { showHidden: true }); console.assert(false, v); throw new Error("e", { cause: v });
  `;
  const args = ["eval", "--no-config", "--no-lock", script];
  const child = new Deno.Command(Deno.execPath(), { args, clearEnv: true, env: { NO_COLOR: "1" } });
  const { stdout, stderr } = await child.output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert(printed.includes("[redacted]"), printed);
  assert(!printed.replaceAll(script, "").includes(CANARY), printed);
});

Deno.test("Plaintext gives back exactly what it was made of", () => {
  for (
    const text of ["", "a", "grüße 🔑", "\ufeffbegins with a mark", "a\0b", "x".repeat(65_536)]
  ) {
    assertStrictEquals(Plaintext.fromText(text).reveal(), text);
  }
  assertEquals(Plaintext.fromText("ü").byteLength, 2);
  assertEquals(Plaintext.fromBytes(Uint8Array.of(0xff, 0)).revealBytes(), Uint8Array.of(0xff, 0));
});

Deno.test("Plaintext shares its bytes with nobody", () => {
  const given = Uint8Array.of(1, 2);
  const made = Plaintext.fromBytes(given);
  given[0] = 9;
  made.revealBytes()[1] = 9;
  assertEquals(made.revealBytes(), Uint8Array.of(1, 2));
});

Deno.test("Plaintext refuses text that UTF-8 cannot carry, without showing it", () => {
  const lone = assertThrows(() => Plaintext.fromText(`${CANARY}\ud800`), AppError);
  assertEquals(lone.code, "INVALID_INPUT");
  const binary = Plaintext.fromBytes(Uint8Array.of(0x61, 0xff));
  const unreadable = assertThrows(() => binary.reveal(), AppError);
  assertEquals(unreadable.code, "SECRET_UNREADABLE");
  assert(!`${lone.message}${unreadable.message}`.includes(CANARY));
  assertEquals(unreadable.cause, undefined);
});
