import { assert, assertEquals, assertRejects } from "@std/assert";
import { errors, exportJWK, generateKeyPair } from "jose";
import { parseKeySet, RemoteKeySet } from "../../lib/auth/key_set.ts";
import { AppError } from "../../lib/errors.ts";
import { until } from "../support/until.ts";

const MINUTE = 60_000;
const key = await exportJWK((await generateKeyPair("ES256", { extractable: true })).publicKey);

/** An issuer whose answer a test changes, and a key set under a clock that it moves. */
async function withIssuer(work: (issuer: Issuer) => Promise<void>): Promise<void> {
  const issuer: Issuer = {
    requests: 0,
    now: 0,
    failures: 0,
    answer: () => setOf("a"),
    find: async (kid) => await set.key({ alg: "ES256", kid }, { payload: "", signature: "" }),
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    issuer.requests++;
    return issuer.answer();
  });
  const set = new RemoteKeySet(`http://127.0.0.1:${server.addr.port}/jwks`, {
    now: () => issuer.now,
    onError: () => issuer.failures++,
  });
  try {
    await work(issuer);
  } finally {
    await server.shutdown();
  }
}

interface Issuer {
  requests: number;
  now: number;
  failures: number;
  answer: () => Response | Promise<Response>;
  find(kid: string): Promise<unknown>;
}

function setOf(...kids: string[]): Response {
  return Response.json({ keys: kids.map((kid) => ({ ...key, kid, alg: "ES256" })) });
}

const down = () => new Response("no", { status: 503 });

async function assertUnavailable(work: () => Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(work, AppError)).code, "ISSUER_UNAVAILABLE");
}

Deno.test("keys are fetched once, by however many ask", () =>
  withIssuer(async (issuer) => {
    await Promise.all(Array.from({ length: 20 }, () => issuer.find("a")));
    await issuer.find("a");
    assertEquals(issuer.requests, 1);
  }));

Deno.test("an unknown key id leads to one more fetch, and a flood of them to no more", () =>
  withIssuer(async (issuer) => {
    await issuer.find("a");
    issuer.answer = () => setOf("a", "b");
    await assertRejects(() => issuer.find("b"), errors.JWKSNoMatchingKey);
    issuer.now = 30_000;
    await issuer.find("b");
    assertEquals(issuer.requests, 2);
    for (let i = 0; i < 50; i++) {
      await assertRejects(() => issuer.find(`x${i}`), errors.JWKSNoMatchingKey);
    }
    assertEquals(issuer.requests, 2);
  }));

Deno.test("keys are fetched anew behind a request, and a withdrawn one is refused then", () =>
  withIssuer(async (issuer) => {
    await issuer.find("a");
    issuer.answer = () => setOf("b");
    issuer.now = 10 * MINUTE;
    await issuer.find("a");
    await until(
      "the fetch behind it is done",
      () => issuer.find("a").then(() => false, () => true),
    );
    await issuer.find("b");
    assertEquals(issuer.requests, 2);
  }));

Deno.test("an outage keeps known keys for an hour and no longer", () =>
  withIssuer(async (issuer) => {
    await issuer.find("a");
    issuer.answer = down;
    for (issuer.now = 10 * MINUTE; issuer.now < 60 * MINUTE; issuer.now += MINUTE) {
      const { failures } = issuer;
      await issuer.find("a");
      await until("the fetch behind it failed", () => issuer.failures > failures);
    }
    issuer.now = 61 * MINUTE;
    await assertUnavailable(() => issuer.find("a"));
    issuer.answer = () => setOf("a");
    await assertUnavailable(() => issuer.find("a"));
    issuer.now += MINUTE;
    await issuer.find("a");
  }));

Deno.test("an issuer that is away from the start is asked seldom", () =>
  withIssuer(async (issuer) => {
    issuer.answer = down;
    for (let i = 0; i < 20; i++) await assertUnavailable(() => issuer.find("a"));
    assertEquals([issuer.requests, issuer.failures], [1, 1]);
  }));

Deno.test("an answer that is no key set, leads elsewhere or has no end changes nothing", async (t) => {
  const elsewhere = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => setOf("a"));
  const endless = () => {
    const chunk = new Uint8Array(64 * 1_024).fill(0x20);
    return new Response(new ReadableStream({ pull: (to) => to.enqueue(chunk) }));
  };
  const answers: Record<string, () => Response> = {
    "a redirect": () => Response.redirect(`http://127.0.0.1:${elsewhere.addr.port}/`, 302),
    "no JSON": () => new Response("<html>"),
    "another JSON": () => Response.json({ error: "x" }),
    "a list": () => Response.json([]),
    "too many keys": () => Response.json({ keys: Array(101).fill({ ...key, kid: "a" }) }),
    "endless": endless,
  };
  for (const [name, answer] of Object.entries(answers)) {
    await t.step(name, () =>
      withIssuer(async (issuer) => {
        issuer.answer = answer;
        await assertUnavailable(() => issuer.find("a"));
        assertEquals(issuer.failures, 1);
      }));
  }
  await elsewhere.shutdown();
});

Deno.test("a key set never gives out a symmetric key", async () => {
  const secret = { kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw", kid: "a" };
  const set = parseKeySet(JSON.stringify({ keys: [secret] }));
  for (const alg of ["HS256", "ES256", "RS256"]) {
    assert(
      await set({ alg, kid: "a" }, { payload: "", signature: "" }).then(() => false, () => true),
    );
  }
});
