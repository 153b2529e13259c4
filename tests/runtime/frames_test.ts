/** Heads that are kept on either side of the wall are never taken for other ones. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Frame } from "../../lib/runtime/guest/frames.mjs";
import { readFrames } from "../../lib/runtime/guest/frame_reader.mjs";
import { FrameWriter } from "../../lib/runtime/guest/frame_writer.mjs";
import { HeadReader, readHead } from "../../lib/runtime/guest/heads.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The payload of a head frame; `json` is taken as it is. */
function payloadOf(json: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = encoder.encode(json);
  const payload = new Uint8Array(4 + bytes.length + body.length);
  new DataView(payload.buffer).setUint32(0, bytes.length);
  payload.set(bytes, 4);
  payload.set(body, 4 + bytes.length);
  return payload;
}

/** What `work` writes, as it goes over the socket: the payloads of its frames. */
async function payloadsOf(work: (writer: FrameWriter) => void): Promise<Uint8Array[]> {
  let sent = new Uint8Array(0);
  let drain = () => {};
  const connection = {
    read(into: Uint8Array): Promise<number | null> {
      const part = sent.subarray(0, into.length);
      into.set(part);
      sent = sent.subarray(part.length);
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
    write(bytes: Uint8Array): Promise<number> {
      // All that is queued comes at once.
      sent = bytes.slice();
      return Promise.resolve(bytes.length);
    },
  };
  const fail = (error: unknown) => {
    throw error;
  };
  const writer = new FrameWriter(connection, fail, (later) => drain = later);
  work(writer);
  drain();
  const payloads: Uint8Array[] = [];
  await readFrames(connection, (type, stream, payload) => {
    assertEquals([type, stream], [Frame.RESPONSE, payloads.length]);
    payloads.push(payload.slice());
  });
  return payloads;
}

/** What comes out where each of `heads` is sent by one writer. */
async function headsOf(heads: readonly unknown[]): Promise<unknown[]> {
  const payloads = await payloadsOf((writer) => {
    heads.forEach((head, stream) => writer.head(Frame.RESPONSE, stream, head));
  });
  return payloads.map((payload) => readHead(payload).head);
}

/** Heads that are easily taken for each other. */
const HEADS: readonly unknown[] = [
  [],
  [[]],
  [""],
  [null],
  [0],
  ["0"],
  [false],
  [200, [], false],
  [200, [], true],
  [200, [], false, [1]],
  [200, [], false, [3]],
  [200, [], false, [1, 3]],
  [200, [[]], false],
  [200, [["a", "b"]], false],
  [200, [["ab", ""]], false],
  [200, [["a", "b"], ["c", "d"]], false],
  [200, [["a", "b", "c", "d"]], false],
  ["GET", "http://localhost/é", [["x-name", "漢字 😀"]], false],
  ["GET", "http://localhost/è", [["x-name", "漢字 😀"]], false],
  ["GET", "http://localhost/é", [["x-name", "漢字 😁"]], false],
  { reason: "throws" },
  { reason: "no-handler" },
];

Deno.test("FrameWriter.head() sends each head as it is, whichever came before", async () => {
  const lists = fc.array(fc.constantFrom(...HEADS), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(lists, async (heads) => {
    assertEquals(await headsOf(heads), heads);
  }));
});

Deno.test("FrameWriter.head() sends an equal head as the same bytes", async () => {
  const make = () => [200, [["content-type", "text/plain; charset=ü"]], false, [1, 2]];
  const payloads = await payloadsOf((writer) => {
    for (let stream = 0; stream < 3; stream++) writer.head(Frame.RESPONSE, stream, make());
  });
  for (const payload of payloads) assertEquals(payload, payloadOf(JSON.stringify(make())));
});

Deno.test("FrameWriter.head() doesn't see what is changed in a head after it was sent", async (t) => {
  const headOf = (name: string, words: number[]) => [200, [["x-name", name]], false, words];
  const cases: Record<string, unknown[][]> = {
    "the same again": [headOf("two", [3])],
    "as it was first": [headOf("one", [1])],
    "both": [headOf("two", [3]), headOf("one", [1])],
    "both the other way round": [headOf("one", [1]), headOf("two", [3])],
    "one of the changes each": [headOf("one", [3]), headOf("two", [1])],
    "with more of it": [headOf("two", [3, 4]), headOf("two", [3])],
    "with less of it": [headOf("two", []), headOf("two", [3])],
  };
  for (const [name, next] of Object.entries(cases)) {
    await t.step(name, async () => {
      const words = [1];
      const header = ["x-name", "one"];
      const payloads = await payloadsOf((writer) => {
        writer.head(Frame.RESPONSE, 0, [200, [header], false, words]);
        words[0] = 3;
        header[1] = "two";
        next.forEach((head, i) => writer.head(Frame.RESPONSE, 1 + i, head));
      });
      const heads = payloads.map((payload) => readHead(payload).head);
      assertEquals(heads, [headOf("one", [1]), ...next]);
    });
  }
});

Deno.test("FrameWriter.head() sends an array or an object anew that was changed as a whole", async () => {
  const words = [1];
  const values = { reason: "one" };
  const payloads = await payloadsOf((writer) => {
    writer.head(Frame.RESPONSE, 0, words);
    words[0] = 3;
    writer.head(Frame.RESPONSE, 1, words);
    writer.head(Frame.RESPONSE, 2, values);
    values.reason = "two";
    writer.head(Frame.RESPONSE, 3, values);
  });
  const heads = payloads.map((payload) => readHead(payload).head);
  assertEquals(heads, [[1], [3], { reason: "one" }, { reason: "two" }]);
});

Deno.test("FrameWriter.head() sends heads of any length, the short ones between them too", async () => {
  const heads: unknown[] = [];
  for (const length of [2_040, 2_047, 2_048, 2_049, 5_000, 100_000]) {
    for (const last of ["a", "b", "b"]) heads.push([200], ["x".repeat(length) + last], [200]);
  }
  assertEquals(await headsOf(heads), heads);
});

Deno.test("FrameWriter.head() sends a text body as UTF-8 and bytes as they are", async () => {
  const texts = ["", "a", "ü", "漢字", "漢字 😀 ".repeat(40_000), "half \ud800"];
  const bodies = texts.flatMap((text) => [text, encoder.encode(text)]);
  const payloads = await payloadsOf((writer) => {
    bodies.forEach((body, stream) => writer.head(Frame.RESPONSE, stream, [200, "é"], body));
  });
  for (const [i, payload] of payloads.entries()) {
    const { head, body } = readHead(payload);
    const text = texts[i >> 1]!.toWellFormed();
    assertEquals([head, decoder.decode(body)], [[200, "é"], text]);
  }
});

Deno.test("HeadReader.read() gives the same head for the same bytes, whatever the body", () => {
  const reader = new HeadReader();
  const json = JSON.stringify(["GET", "http://localhost/é", [["x-name", "漢字"]], false]);
  const first = reader.read(payloadOf(json, Uint8Array.of(1)));
  const second = reader.read(payloadOf(json, Uint8Array.of(2, 3)));
  const third = reader.read(payloadOf(json));
  assertEquals(first.head, JSON.parse(json));
  assertStrictEquals(second.head, first.head);
  assertStrictEquals(third.head, first.head);
  assertEquals([...second.body, ...first.body, ...third.body], [2, 3, 1]);
});

Deno.test("HeadReader.read() parses a head anew that differs in any one byte", () => {
  let differing = 0;
  // Also those that begin and end with a byte that can be another one.
  for (const json of [`["abc",["de","f"],120,"xyz"]`, "[1]", "120"]) {
    for (let at = 0; at < json.length; at++) {
      if (!/[a-z0-9]/.test(json[at]!)) continue;
      const other = json.slice(0, at) + (json[at] === "1" ? "2" : "1") + json.slice(at + 1);
      const reader = new HeadReader();
      for (const text of [json, other, other, json]) {
        assertEquals(reader.read(payloadOf(text)).head, JSON.parse(text), other);
      }
      differing++;
    }
  }
  assertEquals(differing, 16);
});

Deno.test("HeadReader.read() takes no head for a longer, a shorter or a similar one", async (t) => {
  const pairs: Record<string, [string, string]> = {
    "a character more": ["[1]", "[12]"],
    "a digit more": ["1", "12"],
    "an end more": ["[1,2]", "[1,2,3]"],
    "a beginning more": ["[1,2]", "[0,1,2]"],
    "an empty array more": ["[]", "[[]]"],
    "a dot for a comma": ["[1,2]", "[1.2]"],
    "a bracket moved": ["[[1],2]", "[1,[2]]"],
    "a digit for a text": [`["1"]`, `[121]`],
    "the last byte of a character": [`["é"]`, `["è"]`],
    "a surrogate pair": [`["😀"]`, `["😁"]`],
    "no array": ["[1]", "null"],
  };
  for (const [name, pair] of Object.entries(pairs)) {
    await t.step(name, () => {
      const reader = new HeadReader();
      for (const at of [0, 1, 0, 0, 1, 1]) {
        assertEquals(reader.read(payloadOf(pair[at]!)).head, JSON.parse(pair[at]!));
      }
    });
  }
});

Deno.test("HeadReader.read() divides head and body by the length that is stated", () => {
  const reader = new HeadReader();
  const cases = [["[1]", " 2"], ["[1] ", "2"], ["[1] ", ""], ["[1]", " "], ["[1]", ""]] as const;
  for (const [json, text] of cases) {
    const { head, body } = reader.read(payloadOf(json, encoder.encode(text)));
    assertEquals([head, decoder.decode(body)], [[1], text]);
  }
});

Deno.test("HeadReader.read() keeps nothing of the payload, which the next frame overwrites", () => {
  const reader = new HeadReader();
  const payload = payloadOf(`["one"]`, encoder.encode("body 1"));
  const first = reader.read(payload);
  payload.set(payloadOf(`["two"]`, encoder.encode("body 2")));
  const second = reader.read(payload);
  payload.fill(0);
  assertEquals([first.head, second.head], [["one"], ["two"]]);
  assertEquals([first, second].map(({ body }) => decoder.decode(body)), ["body 1", "body 2"]);
  assertEquals(reader.read(payloadOf(`["one"]`)).head, ["one"]);
});

Deno.test("HeadReader.read() reads heads of any length, and keeps none that is long", () => {
  const reader = new HeadReader();
  for (const length of [2_030, 2_039, 2_040, 2_041, 2_042, 2_043, 2_044, 2_045, 5_000]) {
    const [a, b] = ["a", "b"].map((last) => JSON.stringify(["x".repeat(length) + last]));
    for (const json of [a!, b!, "[1]", b!, "[2]", a!, "[2]", "[2]"]) {
      assertEquals(reader.read(payloadOf(json)).head, JSON.parse(json), `${length}`);
    }
  }
  const long = payloadOf(JSON.stringify(["x".repeat(5_000)]));
  assert(reader.read(long).head !== reader.read(long).head);
});
