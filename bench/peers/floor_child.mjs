// @ts-check
/**
 * The other end of the floor: answers every number that comes with that number and a fixed text.
 *
 * @module
 */
const [path, text] = /** @type {[string, string]} */ (Deno.args);
const connection = await Deno.connect({ transport: "unix", path });
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const into = new Uint8Array(64 * 1024);
let rest = "";
while (true) {
  const count = await connection.read(into);
  if (count === null) break;
  const lines = (rest + decoder.decode(into.subarray(0, count))).split("\n");
  rest = lines.pop() ?? "";
  const bytes = encoder.encode(lines.map((line) => `${line} ${text}\n`).join(""));
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
