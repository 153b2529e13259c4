import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { parseKeySet } from "../../lib/auth/key_set.ts";
import { parseOidcConfig } from "../../lib/auth/oidc_config.ts";
import { OidcExchange } from "../../lib/auth/oidc_exchange.ts";
import { AppError } from "../../lib/errors.ts";
import { admin, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const pair = await generateKeyPair("RS256", { extractable: true });
const other = await generateKeyPair("RS256", { extractable: true });
const jwks = { keys: [{ ...await exportJWK(pair.publicKey), kid: "k" }] };
const GITHUB = "https://token.actions.githubusercontent.com";

const config = {
  issuers: [{
    name: "github",
    issuer: GITHUB,
    audience: "fluxbase",
    jwks_file: "github.json",
    rules: [
      {
        claims: { repository: "acme/app", ref: ["refs/heads/main", "refs/tags/v*"] },
        grants: ["secrets:read,secrets:list @ prod*"],
      },
      { claims: { repository: "acme/*" }, grants: ["secrets:list @ dev"], ttl: 60 },
    ],
  }],
};

const good: JWTPayload = {
  iss: GITHUB,
  aud: "fluxbase",
  sub: "repo:acme/app:ref:refs/heads/main",
  repository: "acme/app",
  ref: "refs/heads/main",
  exp: Math.floor(Date.now() / 1_000) + 300,
};

function sign(claims: JWTPayload, key = pair.privateKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "k" }).sign(key);
}

function exchangeOf({ systemKeys: keys }: World): OidcExchange {
  const issuers = parseOidcConfig(JSON.stringify(config)).map((issuer) => ({
    ...issuer,
    key: parseKeySet(JSON.stringify(jwks)),
  }));
  return new OidcExchange({ issuers, keys });
}

test("a platform's token is traded for a key of minutes with the rule's grants", async (world) => {
  const exchange = exchangeOf(world);
  const before = Date.now();
  const { key, text } = await exchange.exchange(await sign(good));
  const life = key.expiresAt!.getTime() - before;
  assert(life > 14 * 60_000 && life < 16 * 60_000);
  assertEquals([key.createdBy, key.kind, key.name], [
    "oidc:github",
    "exchanged",
    "github repo:acme/app:ref:refs/heads/main",
  ]);
  const principal = await world.auth.authenticate(text);
  assertEquals(principal.grants, [
    { actions: ["secrets:read", "secrets:list"], namespaces: ["prod*"], names: ["*"] },
  ]);
  assertEquals((await world.keys.list(admin)).keys, []);
  await world.keys.revoke(admin, key.id);
  await assertRejects(() => world.auth.authenticate(text), AppError);
  const branch = await exchange.exchange(await sign({ ...good, ref: "refs/heads/dev" }));
  assertEquals(branch.key.grants[0]!.namespaces, ["dev"]);
  assert(branch.key.expiresAt!.getTime() < Date.now() + 61_000);
});

test("every other token is refused alike, and makes no key", async (world) => {
  const exchange = exchangeOf(world);
  const bad: Record<string, string | Promise<string>> = {
    "another repository": sign({ ...good, repository: "evil/app" }),
    "a repository that only begins alike": sign({ ...good, repository: "acme" }),
    "no repository": sign({ ...good, repository: undefined }),
    "a repository in an object": sign({ ...good, repository: { name: "acme/app" } }),
    "another audience": sign({ ...good, aud: "other" }),
    "another issuer": sign({ ...good, iss: "https://evil.test" }),
    "no issuer": sign({ ...good, iss: undefined as never }),
    "another key": sign(good, other.privateKey),
    "expired": sign({ ...good, exp: 1 }),
    "without an expiry": sign({ ...good, exp: undefined as never }),
    "no token": "x",
    "a service key": (await world.keys.issue(admin, { name: "k", grants: admin.grants })).text,
  };
  for (const [why, token] of Object.entries(bad)) {
    const shown = await token;
    const error = await assertRejects(() => exchange.exchange(shown), AppError, "", why);
    assertEquals([error.code, error.message], [
      "AUTHENTICATION_REQUIRED",
      "Invalid or expired token",
    ], why);
  }
  const { keys } = await world.keys.list(admin, { all: true });
  assertEquals(keys.filter(({ kind }) => kind === "exchanged"), []);
});

Deno.test("a configuration that would trust too much, or that is mistyped, is refused", () => {
  const change = (path: string, value: unknown) => {
    const copy = structuredClone(config) as Record<string, unknown>;
    const steps = path.split(".");
    const last = steps.pop()!;
    const at = steps.reduce(
      (node, step) => (node as Record<string, unknown>)[step],
      copy as unknown,
    );
    (at as Record<string, unknown>)[last] = value;
    return JSON.stringify(copy);
  };
  const first = "issuers.0";
  const bad: [text: string, named: string][] = [
    ["{", "must be JSON"],
    ["[]", "FLUXBASE_OIDC_FILE"],
    [change("issuers", []), "issuers"],
    [change(`${first}.rules.0.claims`, {}), "claims"],
    [change(`${first}.rules.0.claims`, { repository: "*" }), "claims"],
    [change(`${first}.rules.0.claims`, { repository: [] }), "claims"],
    [change(`${first}.rules.0.grants`, ["secrets:reveal"]), "actions"],
    [change(`${first}.rules.0.grants`, []), "grants"],
    [change(`${first}.rules.0.ttl`, 86_400), "ttl"],
    [change(`${first}.rules`, []), "rules"],
    [change(`${first}.algorithms`, ["HS256"]), "algorithms"],
    [change(`${first}.algorithms`, ["none"]), "algorithms"],
    [change(`${first}.audience`, ""), "audience"],
    [change(`${first}.jwks_url`, "https://id.test/jwks"), "jwks_url or jwks_file"],
    [change(`${first}.jwks_file`, undefined), "jwks_url or jwks_file"],
    [change(`${first}.canary-field`, 1), "has an unknown field"],
    [change("issuers.1", config.issuers[0]), "two have the same name"],
  ];
  for (const [text, named] of bad) {
    const error = assertThrows(() => parseOidcConfig(text), AppError, named, text);
    assertEquals([error.code, error.message.includes("canary")], ["CONFIG_INVALID", false]);
  }
  const insecure = { ...config.issuers[0], jwks_file: undefined, jwks_url: "http://id.test/jwks" };
  assertThrows(() => parseOidcConfig(JSON.stringify({ issuers: [insecure] })), AppError, "https");
});
