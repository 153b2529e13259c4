/**
 * The floor: what a call through a second process costs when nothing else is done for it. No
 * routing, key, body, headers, limits or record: a number goes to the child and comes back.
 *
 * @module
 */
const [socket, text] = Deno.args as [string, string];
const listener = Deno.listen({ transport: "unix", path: socket });
const child = new Deno.Command(Deno.execPath(), {
  args: [
    "run",
    `--allow-net=unix:${socket}`,
    `--allow-read=${socket}`,
    `--allow-write=${socket}`,
    new URL("floor_child.mjs", import.meta.url).pathname,
    socket,
    text,
  ],
  stdin: "null",
}).spawn();
child.unref();
const connection = await listener.accept();
const waiting = new Map<string, (text: string) => void>();
const encoder = new TextEncoder();
const decoder = new TextDecoder();
let last = 0;
let queued = "";

async function send(): Promise<void> {
  while (queued !== "") {
    const bytes = encoder.encode(queued);
    queued = "";
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  }
}

let sending = Promise.resolve();

function call(): Promise<string> {
  const id = `${++last}`;
  const { promise, resolve } = Promise.withResolvers<string>();
  waiting.set(id, resolve);
  queued += `${id}\n`;
  sending = sending.then(send);
  return promise;
}

async function receive(): Promise<void> {
  const into = new Uint8Array(64 * 1024);
  let rest = "";
  while (true) {
    const count = await connection.read(into);
    if (count === null) Deno.exit(0);
    const lines = (rest + decoder.decode(into.subarray(0, count))).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const space = line.indexOf(" ");
      const id = line.slice(0, space);
      waiting.get(id)?.(line.slice(space + 1));
      waiting.delete(id);
    }
  }
}

receive();
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`listening ${port}.`),
}, async () => new Response(await call()));
