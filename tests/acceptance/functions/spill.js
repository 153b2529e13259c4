/**
 * A function that spills its values wherever it can. `?do=` says how, `?of=` which value.
 */
const encode = (text) => new TextEncoder().encode(text);
const inWorker = (source, data) =>
  new Promise((resolve) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = () => resolve(worker.terminate());
    worker.postMessage(data);
  });

const prints = {
  plain: (value) => console.log(value),
  "plain to stderr": (value) => console.error("the value is", value),
  "at every level": (value) => {
    for (const level of ["debug", "info", "warn"]) console[level](`level ${value}`);
  },
  "object": (value) => console.log({ value, nested: [{ value }] }),
  "escaped object": (value) => console.log(Deno.inspect({ value }, { colors: true })),
  json: (value) => console.log(JSON.stringify({ value })),
  "json in json": (value) => console.log(JSON.stringify(JSON.stringify({ value }))),
  base64: (value) => console.log(encode(value).toBase64()),
  "base64 elsewhere": (value) => {
    for (const before of ["a", "ab", "user:"]) console.log(encode(before + value).toBase64());
  },
  base64url: (value) => console.log(encode(value).toBase64({ alphabet: "base64url" })),
  hex: (value) => console.log(encode(value).toHex()),
  "url component": (value) => console.log(encodeURIComponent(value)),
  "url query": (value) => console.log(new URLSearchParams({ value }).toString()),
  url: (value) => console.log(new URL(`https://example.com/${value}?key=${value}#${value}`).href),
  "basic auth": (value) => console.log(`Basic ${encode(`user:${value}`).toBase64()}`),
  "split over writes": async (value) => {
    for (const part of [value.slice(0, 9), value.slice(9, 30), `${value.slice(30)}\n`]) {
      await Deno.stdout.write(encode(part));
    }
  },
  "byte by byte": async (value) => {
    for (const byte of encode(`${value}\n`)) await Deno.stderr.write(new Uint8Array([byte]));
  },
  "no line end": (value) => Deno.stdout.write(encode(value)),
  "behind a lot": (value) => console.log("x".repeat(16_380) + value),
  "over and over": (value) => console.log(value.repeat(200)),
  "as a name": (value) => console.log({ [value]: 1 }, new Map([[value, value]])),
  "as a format": (value) => console.log("%s and %o", value, { value }),
  table: (value) => console.table([{ value }]),
  trace: (value) => console.trace(value),
  group: (value) => {
    console.group(value);
    console.groupEnd();
  },
  timer: (value) => {
    console.time(value);
    console.timeEnd(value);
  },
  assertion: (value) => console.assert(false, value),
  "from a worker": (value) =>
    inWorker("onmessage = ({ data }) => { console.log(data); postMessage(1); };", value),
  title: (value) => {
    globalThis.process.title = value;
  },
  // An endless process must not hold it for others to see.
  environment: (value) => Deno.env.set("FLUXBASE_COPY", value),
};

const throws = {
  message: (value) => {
    throw new Error(`failed with ${value}`);
  },
  "the value itself": (value) => {
    throw value;
  },
  "an object": (value) => {
    throw { value };
  },
  cause: (value) => {
    throw new Error("failed", { cause: new TypeError(value) });
  },
  name: (value) => {
    throw Object.assign(new Error("failed"), { name: value });
  },
  stack: (value) => {
    throw Object.assign(new Error("failed"), { stack: `Error: ${value}\n    at ${value}:1:1` });
  },
  "a wrong URL": (value) => new URL(value),
  "wrong JSON": (value) => JSON.parse(value),
  "a wrong header": (value) => new Headers({ [value]: "x" }),
  "a failed fetch": (value) =>
    fetch(`https://user:${encodeURIComponent(value)}@localhost/${value}`),
  "a rejected promise": async (value) => {
    Promise.reject(new Error(value));
    await new Promise((resolve) => setTimeout(resolve));
  },
  "an error out of turn": async (value) => {
    setTimeout(() => {
      throw new Error(value);
    });
    await new Promise((resolve) => setTimeout(resolve));
  },
  "a broken body": (value) =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.error(new Error(value));
        },
      }),
    ),
  "an early exit": (value) => {
    console.log(value);
    Deno.exit(1);
  },
};

const headers = {
  plain: (value) => ({ "x-plain": value, "x-twice": `${value}, ${value}` }),
  base64: (value) => ({ "x-base64": encode(value).toBase64() }),
  url: (value) => ({ location: `https://example.com/?key=${encodeURIComponent(value)}` }),
  cookie: (value) => ({ "set-cookie": `key=${encodeURIComponent(value)}; Path=/` }),
  auth: (value) => ({ "www-authenticate": `Basic ${encode(`user:${value}`).toBase64()}` }),
};

const ways = { prints, throws, headers };

export default async function handler(req) {
  const { searchParams } = new URL(req.url);
  const [way, name] = [searchParams.get("way"), searchParams.get("do")];
  if (way === null) {
    return Response.json(Object.entries(ways).map(([key, all]) => [key, Object.keys(all)]));
  }
  const value = secrets.getRequired(searchParams.get("of"));
  const result = await ways[way][name](value);
  if (way === "headers") return new Response("headers", { headers: result });
  if (result instanceof Response) return result;
  if (way === "throws") return new Response("went on");
  return new Response(value);
}
