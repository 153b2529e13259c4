import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { LineWriter } from "../../lib/server/line_writer.ts";

Deno.test("lines of one turn are written together, in order, and none twice", async () => {
  const written: string[] = [];
  const lines = new LineWriter((bytes) => written.push(new TextDecoder().decode(bytes)));
  lines.line("one");
  lines.line("two");
  assertEquals(written, []);
  await new Promise<void>((resolve) => setImmediate(resolve));
  assertEquals(written, ["one\ntwo\n"]);
  lines.line("at the end");
  lines.flush();
  await new Promise<void>((resolve) => setImmediate(resolve));
  assertEquals(written, ["one\ntwo\n", "at the end\n"]);
});
