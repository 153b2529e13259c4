/**
 * A PostgreSQL server that never notifies anybody: a proxy before the real one, which passes on
 * everything but `NotificationResponse` messages (PostgreSQL's protocol, §54.7).
 *
 * @module
 */

const NOTIFICATION = "A".charCodeAt(0);
const HEADER = 5;

/** A proxy that is up. */
export interface DeafProxy {
  /** The URL of the database behind it. */
  readonly url: string;
  /** How many notifications were held back. */
  readonly held: number;
}

/** Puts a proxy before `url` while `work` runs. The connections behind it must be plain. */
export async function withDeafProxy(
  url: string,
  work: (proxy: DeafProxy) => Promise<void>,
): Promise<void> {
  const { hostname, port } = new URL(url);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const through = new URL(url);
  through.host = `127.0.0.1:${listener.addr.port}`;
  through.searchParams.set("sslmode", "disable");
  const filter = { held: 0 };
  const target = { hostname, port: Number(port) };
  const accepting = accept(listener, target, () => filter.held++);
  const proxy = {
    url: through.href,
    get held() {
      return filter.held;
    },
  };
  try {
    await work(proxy);
  } finally {
    listener.close();
    await accepting;
  }
}

async function accept(
  listener: Deno.Listener,
  target: Deno.ConnectOptions,
  onHeld: () => void,
): Promise<void> {
  const pairs: Promise<unknown>[] = [];
  for await (const client of listener) {
    const server = await Deno.connect(target);
    pairs.push(
      client.readable.pipeTo(server.writable).catch(() => {}),
      server.readable.pipeThrough(deaf(onHeld)).pipeTo(client.writable).catch(() => {}),
    );
  }
  await Promise.all(pairs);
}

/** Cuts the stream into messages: a type, the length of the rest (u32, itself included), the rest. */
function deaf(onHeld: () => void): TransformStream<Uint8Array, Uint8Array> {
  let rest = new Uint8Array(0);
  return new TransformStream({
    transform(chunk, controller) {
      const bytes = new Uint8Array(rest.length + chunk.length);
      bytes.set(rest);
      bytes.set(chunk, rest.length);
      const view = new DataView(bytes.buffer);
      let at = 0;
      while (bytes.length - at >= HEADER) {
        const end = at + 1 + view.getUint32(at + 1);
        if (end > bytes.length) break;
        if (bytes[at] === NOTIFICATION) onHeld();
        else controller.enqueue(bytes.slice(at, end));
        at = end;
      }
      rest = bytes.slice(at);
    },
  });
}
