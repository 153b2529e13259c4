/**
 * A plain proxy: every request goes on by `fetch` to a server on a unix socket.
 *
 * Run with the socket's path; it prints where it listens.
 *
 * @module
 */
const path = Deno.args[0]!;
const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });

/** Hands a request on as it is, its body and its abort signal too. */
function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers, body, signal } = request;
  const url = `http://localhost${pathname}${search}`;
  return fetch(url, { method, headers, body, signal, redirect: "manual", client });
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`listening ${port}.`),
}, forward);
