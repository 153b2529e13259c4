import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Canary, Search } from "../support/canary.ts";
import { allRows, withDatabaseOf } from "../support/rows.ts";
import { withServer } from "../support/server.ts";
import { withSite } from "../support/site.ts";
import { ACCESS } from "./access_table.ts";
import { bearer, nothingIn, type Server, withWholeServer } from "./access_world.ts";

/** How many requests of each kind are sent to the app, and how many to a server's socket. */
const MANY = 10_000;
const SOME = 500;

/** A request that is somehow wrong. */
interface Wrong {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"];
/** What takes a second each, or ends what the others need; only asked with what isn't JSON. */
const DEAR = /sync$|backup|keyring|verify|invoke|^(?:POST|PUT|DELETE) \/api\/v1\/functions/;

/** Requests that no client of ours would send, each with `text` in header, query and body. */
function malformed(text: string, keys: readonly string[]): fc.Arbitrary<Wrong> {
  const junk = fc.oneof(
    fc.string().map((some) => some + text),
    fc.string({ unit: "binary" }).map((some) => `{"value":"${text}${some}`),
    fc.json().map((some) => `{"name":{"${text}":${some}},"value":["${text}"]}`),
    fc.nat(60).map((depth) => "[".repeat(depth) + `"${text}"`),
    fc.constantFrom(
      text,
      `"${text}"`,
      `["${text}"]`,
      `{"value":"${text}`,
      `{"name":"A","value":"${text}\\u0000"}`,
      `{"name":"${text.repeat(9)}","value":"${text}"}`,
      `{"name":"k","grants":["${text} @ ${text}"]}`,
      `{"name":"k","role":"${text}","cidrs":["${text}"],"expires_at":"${text}"}`,
      `{"token":"${text}"}`,
      `{"token":"${btoa(`{"alg":"${text}"}`)}.${btoa(`{"iss":"${text}"}`)}.${text}"}`,
      `{"key":"${text}\\u0000","value":{"${text}":1}}`,
      `{"version":"${text}","value":5,"expires_at":"${text}","scope":"${text}"}`,
    ),
    fc.uint8Array().map((bytes) => new Uint8Array([...new TextEncoder().encode(text), ...bytes])),
  );
  const type = fc.constantFrom("application/json", "application/json", "text/plain", "", text);
  const headers = fc.dictionary(
    fc.constantFrom("cookie", "x-request-id", "if-match", "idempotency-key", "x-forwarded-for"),
    fc.constantFrom(text, `"${text}"`, `${text}, ${text}`),
  );
  const query = fc.constantFrom(
    "",
    `?x=${text}`,
    `?namespace=-${text}`,
    `?limit=${text}&cursor=${text}`,
  );
  const path = fc.oneof(
    fc.constantFrom(...Object.keys(ACCESS)).map((route) => pathOf(route)),
    fc.constantFrom(`/${text}`, `/api/v1/secrets/${text}`, `/api/v1/functions/-${text}/invoke`),
    fc.string().map((some) => `/api/v1/secrets/by-name/${encodeURIComponent(some)}${text}`),
  );
  const key = fc.constantFrom(...keys, text, `fxsk_${text}`, `${text}.${text}.${text}`);
  const parts = fc.tuple(fc.constantFrom(...METHODS), path, query, headers, type, key, junk);
  return parts.map(([method, path, query, headers, type, key, body]) => ({
    method,
    path: path + query,
    headers: { ...headers, ...bearer(key), ...(type !== "" && { "content-type": type }) },
    body,
  }));
}

/** Requests that are right but for up to three bytes of their path, their body or their headers. */
function mutated(text: string, keys: readonly string[]): fc.Arbitrary<Wrong> {
  const routes = Object.keys(ACCESS).filter((route) => !DEAR.test(route));
  const change = fc.tuple(fc.nat(400), fc.constantFrom(...'{}[]",:\\/%?&=.-*@#0eE\0é\u202e x'));
  const changes = fc.array(change, { maxLength: 3 });
  const parts = fc.tuple(fc.constantFrom(...routes), changes, changes, fc.constantFrom(...keys));
  return parts.map(([route, inPath, inBody, key]) => {
    const [method] = route.split(" ") as [string];
    const { path, json } = ACCESS[route]!.ask({ ...nothingIn("mine"), secret: "KNOWN" });
    const body = JSON.stringify({ ...json as object, value: text, secret: text });
    const changed = mutate(path, inPath).replace(/[^\x21-\x7e]/g, encodeURIComponent);
    return {
      method,
      path: changed.startsWith("/") ? changed : `/${changed}`,
      headers: { ...bearer(key), "content-type": "application/json", cookie: text },
      body: mutate(body, inBody),
    };
  });
}

function pathOf(route: string): string {
  return ACCESS[route]!.ask(nothingIn(null)).path;
}

function mutate(text: string, changes: readonly (readonly [at: number, by: string])[]): string {
  return changes.reduce((whole, [at, by]) => {
    const place = at % (whole.length + 1);
    return whole.slice(0, place) + by + whole.slice(place + (at % 3));
  }, text);
}

/** Sends a request without a socket; `null` for what no socket could carry. */
async function send({ app }: Server, { method, path, headers, body }: Wrong) {
  const hasBody = method !== "GET" && method !== "HEAD";
  let request: Request;
  try {
    const init = { method, headers, ...(hasBody && body !== null && { body }) };
    request = new Request(`http://127.0.0.1${path}`, init);
  } catch {
    return null;
  }
  const answer = await app.fetch(request, { address: "192.0.2.1" });
  const shown = await answer.text() + JSON.stringify([...answer.headers]);
  return { status: answer.status, shown };
}

/** Watches the least heap of each stretch: what is left when garbage is collected. */
class Heap {
  readonly #floors: number[] = [];
  #count = 0;

  look(): void {
    if (this.#count++ % 1_000 === 0) this.#floors.push(Infinity);
    const last = this.#floors.length - 1;
    this.#floors[last] = Math.min(this.#floors[last]!, Deno.memoryUsage().heapUsed);
  }

  /** By how much the floor rose after everything was warm, bytes. */
  get growth(): number {
    const warm = this.#floors.slice(4);
    return warm.at(-1)! - warm[0]!;
  }
}

Deno.test("20,000 wrong requests break nothing, show nothing and leave nothing behind", async (t) => {
  const canary = new Canary("sent");
  const text = canary.with();
  const search = new Search([canary]);
  await withWholeServer(async (server) => {
    const keys = [server.adminKey, server.adminKey, server.adminKey.slice(0, -7) + "_000000"];
    await server.app.request("/api/v1/secrets", {
      method: "POST",
      headers: { ...bearer(server.adminKey), "content-type": "application/json" },
      body: JSON.stringify({ name: "KNOWN", value: text, namespace: "mine" }),
    });
    const heap = new Heap();
    const statuses = new Map<number, number>();
    const property = (wrong: fc.Arbitrary<Wrong>) =>
      fc.asyncProperty(wrong, async (request) => {
        const answer = await send(server, request);
        heap.look();
        if (answer === null) return;
        assert(answer.status < 500, `${answer.status} ${answer.shown}`);
        assert(!canary.isIn(answer.shown), answer.shown);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      });
    await t.step("malformed", () => fc.assert(property(malformed(text, keys)), { numRuns: MANY }));
    await t.step("mutated", () => fc.assert(property(mutated(text, keys)), { numRuns: MANY }));
    // They got as far as they were meant to, and not all to the same place.
    for (const status of [200, 201, 400, 401, 404, 405, 415]) {
      assert((statuses.get(status) ?? 0) > 20, `${status}: ${JSON.stringify([...statuses])}`);
    }
    assert(heap.growth < 32 * 2 ** 20, `The heap grew by ${heap.growth} bytes`);
  }, {
    onLine: (line) => search.look("the log", line),
    afterwards: async (site) => {
      const rows = await withDatabaseOf(site, allRows);
      for (const { table, text, binary } of rows) {
        search.look(`a row of ${table}`, text);
        for (const bytes of binary) search.look(`a row of ${table}`, bytes);
      }
    },
  });
  assertEquals([...new Set(search.finds)], []);
  assert(search.seen > 1_000_000);
});

Deno.test("wrong requests to a server's socket break nothing and are not shown", async () => {
  const canary = new Canary("sent");
  await withSite("embedded", async (site) => {
    const env = { FLUXBASE_AUTH_FAILURES: "0", FLUXBASE_AUTH_RATE_LIMIT: "0" };
    const { out, err } = await withServer(site, async (server) => {
      const keys = [server.adminKey];
      const wrong = fc.oneof(malformed(canary.with(), keys), mutated(canary.with(), keys));
      for (const { method, path, headers, body } of fc.sample(wrong, SOME)) {
        const hasBody = method !== "GET" && method !== "HEAD" && body !== null;
        const init = { method, headers, redirect: "manual", ...(hasBody && { body }) } as const;
        const answer = await fetch(server.url + path, init).catch(() => null);
        if (answer === null) continue;
        const shown = await answer.text() + JSON.stringify([...answer.headers]);
        assert(answer.status < 500 && !canary.isIn(shown), `${answer.status} ${shown}`);
      }
      assertEquals((await server.ask("GET", "/readyz", { key: null })).status, 200);
    }, { env });
    assert(!canary.isIn(out + err));
  });
});
