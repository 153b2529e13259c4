import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import { parseKeySet } from "../../lib/auth/key_set.ts";
import { readAuthSettings } from "../../lib/auth/settings.ts";
import { parseRoleMap } from "../../lib/auth/token_roles.ts";
import { PUBLIC_KEY_ALGORITHMS, type TokenSource } from "../../lib/auth/token_verifier.ts";
import { Tokens } from "../../lib/auth/tokens.ts";
import { AppError } from "../../lib/errors.ts";
import { can } from "../../lib/principal/principal.ts";

const encoder = new TextEncoder();
const SECRET = encoder.encode("a shared secret of 32 bytes or more");
const ISSUER = "https://id.test";
const NOW = Math.floor(Date.now() / 1_000);

const rsa = await generateKeyPair("RS256", { extractable: true });
const ec = await generateKeyPair("ES256", { extractable: true });
const stranger = await generateKeyPair("RS256", { extractable: true });
const jwks = {
  keys: [
    { ...await exportJWK(rsa.publicKey), kid: "rsa", alg: "RS256", use: "sig" },
    { ...await exportJWK(ec.publicKey), kid: "ec", alg: "ES256", use: "sig" },
  ],
};

const claims = { issuer: ISSUER, audience: "fluxbase" };
const hs: TokenSource = { ...claims, algorithms: ["HS256"], key: SECRET };
const keySet: TokenSource = {
  ...claims,
  algorithms: PUBLIC_KEY_ALGORITHMS,
  key: parseKeySet(JSON.stringify(jwks)),
};

const good: JWTPayload = {
  sub: "user-1",
  role: "authenticated",
  iss: ISSUER,
  aud: "fluxbase",
  exp: NOW + 600,
};

type Key = Parameters<SignJWT["sign"]>[0];

function sign(payload: JWTPayload, key: Key = SECRET, header: Record<string, unknown> = {}) {
  return new SignJWT(payload).setProtectedHeader({ alg: "HS256", ...header }).sign(key);
}

function tokens(...sources: TokenSource[]): Tokens {
  return new Tokens({ sources, roles: parseRoleMap(null) });
}

async function assertRefused(from: Tokens, token: string, why: string): Promise<void> {
  assertEquals(from.cached(token), undefined, why);
  const error = await assertRejects(() => from.authenticate(token), AppError, "", why);
  assertEquals([error.code, error.message], [
    "AUTHENTICATION_REQUIRED",
    "Invalid or expired token",
  ]);
}

Deno.test("a good token of each source is let in, and remembered", async () => {
  const both = tokens(hs, keySet);
  const shown = [
    await sign(good),
    await sign(good, rsa.privateKey, { alg: "RS256", kid: "rsa" }),
    await sign(good, ec.privateKey, { alg: "ES256", kid: "ec" }),
    await sign({ ...good, aud: ["other", "fluxbase"] }),
    await sign({ ...good, token_type: "access", nbf: NOW }),
  ];
  for (const token of shown) {
    assertEquals(both.cached(token), undefined);
    const principal = await both.authenticate(token);
    assertEquals([principal.id, principal.kind, principal.userId], [
      "user:user-1",
      "user",
      "user-1",
    ]);
    assertEquals(principal.expiresAt, new Date((NOW + 600) * 1_000));
    assertEquals(both.cached(token), principal);
  }
});

Deno.test("every token that isn't good is refused alike", async (t) => {
  const hour = 3_600;
  const publicPem = encoder.encode(await exportSPKI(rsa.publicKey));
  const publicJwk = encoder.encode(JSON.stringify(jwks.keys[0]));
  const [head, body, signature] = (await sign(good)).split(".") as [string, string, string];
  const b64 = (value: unknown) =>
    encoder.encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  const own = await exportJWK(stranger.publicKey);
  const mine = (header: Record<string, unknown>) =>
    sign(good, stranger.privateKey, { alg: "RS256", ...header });
  const { exp: _exp, ...forever } = good;
  const bad: Record<string, string | Promise<string>> = {
    "alg none": new UnsecuredJWT(good).encode(),
    "alg None in another case": `${b64({ alg: "nOnE" })}.${body}.`,
    "alg none with the signature of another": `${b64({ alg: "none" })}.${body}.${signature}`,
    "no alg": `${b64({})}.${body}.${signature}`,
    "alg a list": `${b64({ alg: ["HS256"] })}.${body}.${signature}`,
    "HS256 signed with the public key's PEM": sign(good, publicPem, { kid: "rsa" }),
    "HS256 signed with the public key's JWK": sign(good, publicJwk, { kid: "rsa" }),
    "HS512 with the right secret": sign(good, SECRET, { alg: "HS512" }),
    "another secret": sign(good, encoder.encode("another secret of 32 bytes or more")),
    "another key under a known id": mine({ kid: "rsa" }),
    "an unknown key id": mine({ kid: "theirs" }),
    "a key of its own": mine({ kid: "rsa", jwk: own }),
    "a key set of its own": mine({ kid: "rsa", jku: "http://127.0.0.1:9/jwks" }),
    "a certificate of its own": mine({ kid: "rsa", x5u: "http://127.0.0.1:9/cert" }),
    "RS256 under the EC key's id": sign(good, rsa.privateKey, { alg: "RS256", kid: "ec" }),
    "a good one that names a key set": sign(good, rsa.privateKey, {
      alg: "RS256",
      kid: "rsa",
      jku: "https://id.test/jwks",
    }),
    "an extension that must be understood": `${
      b64({ alg: "HS256", crit: ["x"], x: 1 })
    }.${body}.${signature}`,
    "claims changed": `${head}.${b64({ ...good, role: "admin" })}.${signature}`,
    "no signature": `${head}.${body}.`,
    "two parts": `${head}.${body}`,
    "an encrypted token's five parts": `${head}.${body}.${signature}.${body}.${signature}`,
    "expired": sign({ ...good, exp: NOW - hour }),
    "expired longer ago than clocks differ": sign({ ...good, exp: NOW - 60 }),
    "never expires": sign(forever),
    "expires with a text": sign({ ...good, exp: `${NOW + hour}` as never }),
    "not yet good": sign({ ...good, nbf: NOW + hour }),
    "another issuer": sign({ ...good, iss: "https://evil.test" }),
    "an issuer that only begins alike": sign({ ...good, iss: `${ISSUER}.evil.test` }),
    "no issuer": sign({ ...good, iss: undefined as never }),
    "another audience": sign({ ...good, aud: "other" }),
    "no audience": sign({ ...good, aud: undefined as never }),
    "a refresh token": sign({ ...good, token_type: "refresh" }),
    "a subject that is a number": sign({ ...good, sub: 7 as never }),
    "a subject that steers a terminal": sign({ ...good, sub: "a\x1b[2Jb" }),
    "a subject without end": sign({ ...good, sub: "x".repeat(256) }),
    "an empty subject": sign({ ...good, sub: "" }),
    "too long": sign({ ...good, pad: "x".repeat(9_000) }),
    "not a token": "eyJ",
    "dots": "eyJ..",
    "not UTF-8": `${head}.${new Uint8Array([0xff, 0xfe]).toBase64()}.${signature}`,
    "empty": "",
  };
  const both = tokens(hs, keySet);
  for (const [why, token] of Object.entries(bad)) {
    await t.step(why, async () => await assertRefused(both, await token, why));
  }
});

Deno.test("a source's tokens are refused where only the other is configured", async () => {
  await assertRefused(tokens(keySet), await sign(good), "HS256 with a key set only");
  const rs = await sign(good, rsa.privateKey, { alg: "RS256", kid: "rsa" });
  await assertRefused(tokens(hs), rs, "RS256 with a secret only");
});

Deno.test("a token ends at its expiry, though it is remembered", async () => {
  let now = Date.now();
  const some = new Tokens({ sources: [hs], roles: {}, now: () => now });
  const token = await sign({ ...good, exp: NOW + 30 });
  await some.authenticate(token);
  now = (NOW + 30) * 1_000 - 1;
  assert(some.cached(token) !== undefined);
  now += 1;
  assertEquals(some.cached(token), undefined);
});

Deno.test("roles become grants, and what isn't known becomes none", async () => {
  const grantsOf = async (claims: JWTPayload, map: string | null = null) => {
    const some = new Tokens({ sources: [hs], roles: parseRoleMap(map) });
    return await some.authenticate(await sign({ ...good, role: undefined, ...claims }));
  };
  for (const role of ["admin", "service_role"]) {
    assert(can(await grantsOf({ role }), "keys:admin"));
  }
  const user = await grantsOf({ role: "authenticated" });
  for (const action of ["functions:invoke", "settings:own"] as const) assert(can(user, action));
  for (const action of ["secrets:list", "secrets:read", "logs:read", "keys:admin"] as const) {
    assertEquals(can(user, action), false, action);
  }
  const nothing: JWTPayload[] = [
    {},
    { role: "anon" },
    { role: "Admin" },
    { role: "__proto__" },
    { role: "toString" },
    { role: ["admin"] },
    { role: { admin: true } },
    { roles: "admin" },
    { roles: [["admin"], { a: 1 }, "*"] },
    { app_metadata: { role: "admin" } },
  ];
  for (const some of nothing) assertEquals((await grantsOf(some)).grants, [], JSON.stringify(some));
  assert(can(await grantsOf({ roles: ["anon", "admin"] }), "keys:admin"));
  const map = JSON.stringify({ dev: ["secrets:read @ dev*"], "*": ["functions:invoke : hello"] });
  const dev = await grantsOf({ role: "dev" }, map);
  assertEquals([can(dev, "secrets:read"), can(dev, "functions:invoke")], [true, false]);
  for (const role of ["other", "admin", undefined]) {
    const other = await grantsOf({ role }, map);
    assertEquals([can(other, "secrets:read"), can(other, "functions:invoke")], [false, true]);
  }
});

Deno.test("a token without a subject is a role's, and can't be taken for a key or a user", async () => {
  const { id, userId } = await tokens(hs).authenticate(
    await sign({ ...good, sub: undefined as never, role: "service_role" }),
  );
  assertEquals([id, userId], ["role:service_role", undefined]);
  const uuid = crypto.randomUUID();
  assertEquals(
    (await tokens(hs).authenticate(await sign({ ...good, sub: uuid }))).id,
    `user:${uuid}`,
  );
});

Deno.test("settings that would let the wrong ones in stop the server", () => {
  const none = {
    jwtSecret: null,
    jwksUrl: null,
    jwksFile: null,
    jwtIssuer: null,
    jwtAudience: null,
    jwtRoles: null,
    oidcFile: null,
    trustedProxies: null,
  };
  const limits = { perKey: 0, perAddress: 0, failures: 0 };
  const named = { jwtIssuer: ISSUER, jwtAudience: "fluxbase" };
  const bad = [
    [{ jwtSecret: "x".repeat(31) }, "FLUXBASE_JWT_SECRET"],
    [{ jwksUrl: "https://id.test/jwks" }, "FLUXBASE_JWT_ISSUER"],
    [{ jwksUrl: "https://id.test/jwks", jwtIssuer: ISSUER }, "FLUXBASE_JWT_AUDIENCE"],
    [{ ...named, jwksUrl: "https://id.test/jwks", jwksFile: "x" }, "FLUXBASE_JWKS_FILE"],
    [{ ...named, jwksUrl: "http://id.test/jwks" }, "FLUXBASE_JWKS_URL"],
    [{ ...named, jwksUrl: "http://127.0.0.1.evil.test/jwks" }, "FLUXBASE_JWKS_URL"],
    [{ ...named, jwksUrl: "https://u:p@id.test/jwks" }, "FLUXBASE_JWKS_URL"],
    [{ ...named, jwksUrl: "file:///etc/passwd" }, "FLUXBASE_JWKS_URL"],
    [{ jwtRoles: "[]" }, "FLUXBASE_JWT_ROLES"],
    [{ jwtRoles: "{" }, "FLUXBASE_JWT_ROLES"],
    [{ jwtRoles: '{"a": ["secrets:reveal"]}' }, "FLUXBASE_JWT_ROLES"],
    [{ jwtRoles: '{"a": "secrets:read"}' }, "FLUXBASE_JWT_ROLES"],
    [{ trustedProxies: "10.0.0.0/8,x" }, "FLUXBASE_TRUSTED_PROXIES"],
  ] as const;
  for (const [texts, named] of bad) {
    const error = assertThrows(
      () => readAuthSettings({ ...none, ...texts }, limits),
      AppError,
      named,
    );
    assertEquals(error.code, "CONFIG_INVALID");
  }
  readAuthSettings({ ...none, ...named, jwksUrl: "http://127.0.0.1:8/jwks" }, limits);
  readAuthSettings({ ...none, jwtSecret: "x".repeat(32) }, limits);
});
