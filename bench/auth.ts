/**
 * What it costs to tell who calls, and whether a wrong key can be told from an unknown one by time.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { Authentication } from "../lib/auth/authentication.ts";
import { Authenticator } from "../lib/auth/authenticator.ts";
import { DEFAULT_LIMITS, Limits } from "../lib/auth/limits.ts";
import { generateServiceKey } from "../lib/auth/service_key_text.ts";
import { type Auth, credentialOf, principalOf } from "../lib/http/auth.ts";
import type { AppEnv } from "../lib/http/env.ts";
import { databases, type TestDatabase } from "../tests/support/databases.ts";
import { admin, joinWorld, type World } from "../tests/support/world.ts";
import { alone, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { median, takeTurns, timed } from "./support/rounds.ts";
import { FUNCTION } from "./support/handler.ts";
import { startServer } from "./support/server.ts";
import { load } from "./support/wrk.ts";

/** Measures both databases, and a call through the real server. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  const guesses: Measure[] = [];
  for (const kind of databases) guesses.push(await guess(kind, options));
  return [...guesses, ...await inProcess(options), ...await overHttp(options)];
}

/**
 * The median time of a wrong secret for a known id beside that of an id that nobody has. The two take
 * turns attempt by attempt, so that whatever else happens meets both.
 */
async function guess(kind: TestDatabase, { quick, scope }: BenchOptions): Promise<Measure> {
  const { auth, known } = await openWorld(kind, scope);
  const attempt = (key: string) => timed(() => auth.authenticate(key).catch(() => {}));
  const wrong: number[] = [];
  const unknown: number[] = [];
  for (let round = -1; round < (quick ? 5 : 25); round++) {
    const times: { wrong: number[]; unknown: number[] } = { wrong: [], unknown: [] };
    for (let i = 0; i < (quick ? 100 : 400); i++) {
      times.wrong.push(await attempt(withOtherSecret(known)));
      times.unknown.push(await attempt(generateServiceKey().text));
    }
    if (round < 0) continue;
    wrong.push(median(times.wrong) * 1_000);
    unknown.push(median(times.unknown) * 1_000);
  }
  const what = `wrong key, ${kind.name}`;
  return beside(what, "µs", wrong, ["unknown key", unknown], atMost(1.05));
}

/** The look at headers, key and limits of a warm call, and what it is beside the same without. */
async function inProcess({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const { keys, known } = await openWorld(databases[1]!, scope);
  const auth = new Authentication({ keys, tokens: null, limits: new Limits(DEFAULT_LIMITS) });
  await auth.authenticate(known);
  const app = (auth: Auth | null) => {
    const routes = new Hono<AppEnv>();
    routes.all("/x", (c) => {
      if (auth !== null) principalOf(c, auth, credentialOf(c.req.raw.headers));
      return new Response("x");
    });
    return routes;
  };
  const [on, off] = [app(auth), app(null)];
  const request = new Request("http://x/x", { headers: { authorization: `Bearer ${known}` } });
  const calls = quick ? 20_000 : 100_000;
  const ask = (routes: Hono<AppEnv>) => async () => {
    const ms = await timed(async () => {
      for (let i = 0; i < calls; i++) await routes.fetch(request, { address: "192.0.2.1" });
    });
    return ms * 1_000 / calls;
  };
  const found = await takeTurns(quick ? 5 : 11, { on: ask(on), off: ask(off) });
  const cost = found.on.map((us, round) => us - found.off[round]!);
  return [alone("cost of auth, warm call", "µs", median(cost), atMost(5))];
}

/** A warm call through the server with its key known, beside one whose function needs none. */
async function overHttp({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const server = await startServer({ scope });
  const deployed = await fetch(`${server.url}/api/v1/functions`, {
    method: "POST",
    headers: { ...server.headers, "content-type": "application/json" },
    body: JSON.stringify({ name: "open", code: FUNCTION, allow_unauthenticated: true }),
  });
  const text = await deployed.text();
  if (deployed.status !== 201) throw new Error(`Cannot deploy: ${deployed.status} ${text}`);
  const openUrl = server.helloUrl.replace("/hello/", "/open/");
  const call = (headers: Readonly<Record<string, string>>, url: string) => () =>
    load({ url, connections: 1, seconds: quick ? 1 : 2, headers });
  const found = await takeTurns(quick ? 3 : 7, {
    on: call(server.headers, server.helloUrl),
    off: call({}, openUrl),
  });
  const p50 = (results: readonly { p50: number }[]) => results.map((result) => result.p50);
  return [
    beside("p50 with a key", "µs", p50(found.on), ["no key asked", p50(found.off)], atMost(1.1)),
  ];
}

async function openWorld(
  kind: TestDatabase,
  scope: AsyncDisposableStack,
): Promise<{ keys: Authenticator; auth: World["auth"]; known: string }> {
  const database = await kind.open();
  scope.defer(() => database.close());
  const { auth, keys } = await joinWorld(database);
  const { text } = await keys.issue(admin, { name: "bench", grants: admin.grants });
  await auth.authenticate(text);
  return { keys: auth, auth, known: text };
}

/** A key with the known id, a right checksum and another secret: only its MAC gives it away. */
function withOtherSecret(known: string): string {
  const body = known.slice(0, 14) + generateServiceKey().text.slice(14, 58);
  return body + checksum(body);
}

function checksum(body: string): string {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let rest = createHash("sha256").update(body).digest().readBigUInt64BE(0);
  let text = "";
  for (let i = 0; i < 6; i++) {
    text = alphabet[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}
