/** Bodies over frames, on a connection that doesn't do as it should. */
import { assert, assertEquals } from "@std/assert";
import { OutgoingBody } from "../../lib/runtime/guest/bodies.mjs";
import { FrameWriter } from "../../lib/runtime/guest/frame_writer.mjs";

const PART = new Uint8Array(64 * 1024);

/** A body without an end that counts how often it is read. */
function endless() {
  const body = { reads: 0 };
  const reader = {
    read: () => Promise.resolve({ done: false as const, value: (body.reads++, PART) }),
    cancel: () => Promise.resolve(),
  };
  return { body, reader: reader as unknown as ReadableStreamDefaultReader<Uint8Array> };
}

Deno.test("OutgoingBody.send() queues no body for a child that gives credit and doesn't read", async () => {
  const { body, reader } = endless();
  const write = Promise.withResolvers<number>();
  const connection = { read: () => Promise.resolve(null), write: () => write.promise };
  const writer = new FrameWriter(connection, () => {});
  const outgoing = new OutgoingBody(writer, 1, reader);
  outgoing.credit(2 ** 32 - 1);
  const sent = outgoing.send();
  for (let turn = 0; turn < 20_000; turn++) await null;
  const before = body.reads;
  assert(before > 10 && before < 100, `read ${before} times`);
  // When the connection breaks, the body is let go.
  write.reject(new Error("broken"));
  outgoing.stop();
  assertEquals(await sent, false);
});
