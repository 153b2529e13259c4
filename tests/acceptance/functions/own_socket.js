/**
 * A function that finds the socket to the server among Deno's internals and writes to it as it likes.
 * `?do=` says what.
 */
const { core } = Deno[Deno.internal];
const [socket] = Object.entries(core.resources()).find(([, name]) => name === "unixStream");
const FRAME = { ready: 2, response: 5, data: 6, pong: 11 };
let call = 0;

async function write(bytes) {
  for (let at = 0; at < bytes.length;) at += await core.write(Number(socket), bytes.subarray(at));
}

function frame(type, payload, length = payload.length) {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes[4] = type;
  view.setUint32(5, call);
  bytes.set(payload, 9);
  return bytes;
}

function head(text) {
  const json = new TextEncoder().encode(text);
  const payload = new Uint8Array(4 + json.length);
  new DataView(payload.buffer).setUint32(0, json.length);
  payload.set(json, 4);
  return payload;
}

const deeds = {
  "noise": () => write(crypto.getRandomValues(new Uint8Array(65_536))),
  "no JSON": () => write(frame(FRAME.response, head("nonsense"))),
  "no array": () => write(frame(FRAME.response, head("{}"))),
  "no status": () => write(frame(FRAME.response, head("[9999, [], false]"))),
  "no header": () => write(frame(FRAME.response, head('[200, [["a b", "c"]], false]'))),
  "cut head": () => write(frame(FRAME.response, new Uint8Array(2))),
  "long payload": async () => {
    await write(frame(FRAME.data, new Uint8Array(0), 255 * 1024 * 1024));
    for (let i = 0; i < 200; i++) await write(new Uint8Array(1024 * 1024));
  },
  "beyond credit": async () => {
    await write(frame(FRAME.response, head("[200, [], true]")));
    const part = frame(FRAME.data, new Uint8Array(65_536));
    for (let i = 0; i < 8_192; i++) await write(part);
  },
  "ready again": () => write(frame(FRAME.ready, new Uint8Array(0))),
};

export default async function handler(req) {
  call++;
  const name = new URL(req.url).searchParams.get("do");
  if (name === null) return Response.json(Object.keys(deeds));
  await deeds[name]();
  return new Promise(() => {});
}
