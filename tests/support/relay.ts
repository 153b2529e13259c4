/**
 * Networks that misbehave: relays to a real server that break, wait or swallow.
 *
 * @module
 */

/** Relays to `port`; each piece that a client sends goes on once `before` is done with it. */
export function relayAfter(port: number, before: (text: string) => Promise<void>): Relay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      await Promise.allSettled([
        client.readable.pipeThrough(holding(before)).pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ]);
    }
  })();
  return closable(listener, done);
}

function holding(
  before: (text: string) => Promise<void>,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    async transform(chunk, controller) {
      await before(new TextDecoder().decode(chunk));
      controller.enqueue(chunk);
    },
  });
}

/** A relay to `port` that swallows the first answer and breaks that connection. */
export function cutFirstAnswer(port: number): Relay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let first = true;
  const done = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      if (first) {
        first = false;
        const request = client.readable.pipeTo(server.writable).catch(() => {});
        await server.readable.getReader().read();
        client.close();
        await request;
      } else {
        await Promise.allSettled([
          client.readable.pipeTo(server.writable),
          server.readable.pipeTo(client.writable),
        ]);
      }
    }
  })();
  return closable(listener, done);
}

/** Accepts connections and drops them. */
export function listenAndDrop(): Relay & { accepted(): number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const done = (async () => {
    for await (const connection of listener) {
      count++;
      connection.close();
    }
  })();
  return { ...closable(listener, done), accepted: () => count };
}

/** A listener that is closed with its scope. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
}

function closable(listener: Deno.TcpListener, done: Promise<void>): Relay {
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}
