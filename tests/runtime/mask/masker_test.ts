import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { createMasker } from "../../../lib/runtime/mask/masker.ts";
import { chunksAt, fromUtf8, join, utf8 } from "./reference.ts";

const KEY_LINES = Array.from(
  { length: 25 },
  (_, i) => btoa(`line ${i} of a key, ${"\u00fe".repeat(30 + i % 7)}`),
);
const PEM = `-----BEGIN PRIVATE KEY-----\n${
  KEY_LINES.join("\n")
}\nQ2hl==\n-----END PRIVATE KEY-----\n`;

Deno.test("a key is masked as a whole, by line, inspected and in JSON", () => {
  const masker = createMasker([PEM]);
  assertEquals(masker.text(PEM), "***\n");
  const outputs = [
    Deno.inspect({ key: PEM }),
    JSON.stringify({ key: PEM }),
    PEM.split("\n").map((line, i) => `[worker ${i}] ${line}`).join("\n"),
    PEM.replaceAll("\n", "\r\n"),
  ];
  for (const output of outputs) {
    for (const text of [masker.text(output), output.split("\n").map(masker.text).join("\n")]) {
      for (const line of [...KEY_LINES, "Q2hl=="]) assert(!text.includes(line), text);
    }
  }
});

Deno.test("a long value makes a stream hold back less than 64 bytes", () => {
  const stream = createMasker([PEM]).stream();
  let most = 0;
  const out = chunksAt(utf8(PEM), Array.from(PEM, (_, i) => i)).map((chunk) => {
    const ready = stream.push(chunk);
    most = Math.max(most, stream.heldBytes);
    return ready;
  });
  assertEquals(fromUtf8(join([...out, stream.flush()])), "***\n");
  assert(most < 64, `${most} bytes`);
});

Deno.test("a service account's fields are masked by themselves", () => {
  const account = { project: "my-project-1", private_key: PEM, id: "c0ffee", retries: 3 };
  const text = createMasker([JSON.stringify(account, null, 2)]).text(
    `project my-project-1, id c0ffee, retries 3, key ${PEM}`,
  );
  assertEquals(text, "project ***, id c0ffee, retries 3, key ***\n");
});

Deno.test("a connection string's password is masked in another string", () => {
  const masker = createMasker(["postgres://app:pa%24%24word@db/app"]);
  assertEquals(masker.text("login of app with pa$$word failed"), "login of app with *** failed");
});

Deno.test("no value remains in any output, however it is split", () => {
  // A value with a mask's own character could come to be by masking another one.
  const plain = fc.string({ unit: "grapheme", minLength: 6, maxLength: 90 }).filter((v) =>
    !v.includes("*") && v.isWellFormed() && v.trim().length >= 6
  );
  const values = fc.array(plain, { minLength: 1, maxLength: 5 });
  const input = values.chain((list) => {
    const piece = fc.oneof(
      fc.constantFrom(...list),
      fc.constantFrom(...list).map((v) => JSON.stringify({ v, list })),
      fc.constantFrom(...list).map((v) => `/?${new URLSearchParams({ v })}`),
      fc.string(),
    );
    return fc.tuple(fc.constant(list), fc.array(piece, { maxLength: 8 }), fc.array(fc.nat()));
  });
  const property = fc.property(input, ([list, pieces, cuts]) => {
    const masker = createMasker(list);
    const stream = masker.stream();
    const chunks = chunksAt(utf8(pieces.join("")), cuts).map((chunk) => stream.push(chunk));
    const out = join([...chunks, stream.flush()]);
    for (const value of list) {
      const text = fromUtf8(out);
      assert(!text.includes(value.trim()));
      assert(!text.includes(encodeURIComponent(value.trim())));
    }
    assertEquals(masker.contains(out), false);
    assertEquals(out, masker.bytes(utf8(pieces.join(""))));
  });
  fc.assert(property, { numRuns: 1000 });
});

Deno.test("Masker.contains() tells whether a value occurs", () => {
  const masker = createMasker(["hunter22"]);
  assertEquals(masker.contains(utf8("my hunter22!")), true);
  assertEquals(masker.contains(utf8("my hunter2!")), false);
});

Deno.test("a masker without a value that can be masked changes nothing", () => {
  const text = "1234 is short";
  for (const values of [[], ["1234", "", "   "]]) {
    const masker = createMasker(values);
    assertStrictEquals(masker.text(text), text);
    assertEquals(fromUtf8(masker.stream().push(utf8(text))), text);
  }
});
