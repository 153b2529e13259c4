/**
 * Every route with what it needs, for the test that tries all of them with every credential.
 *
 * A new route without a row here fails that test: add one that says which action opens it, and how
 * it is asked about a namespace.
 *
 * @module
 */
import type { Action } from "../../lib/principal/principal.ts";

/** What a route is asked about. */
export interface At {
  /** `null` for the global scope. */
  readonly namespace: string | null;
  /** `?namespace=…`, or empty. */
  readonly query: string;
  /** A secret and a service key that are there, or in a namespace that has nothing, random ones. */
  readonly secretId: string;
  readonly keyId: string;
  /** The name of a secret that is there wherever something is. */
  readonly secret: string;
}

/** A request. */
export interface Asked {
  readonly path: string;
  readonly json?: unknown;
  /** A body that isn't JSON. */
  readonly raw?: { readonly type: string; readonly body: string | Uint8Array<ArrayBuffer> };
}

/**
 * How a route is guarded:
 * - `open`: nobody is asked who they are before the route itself decides;
 * - `self`: every good credential is answered;
 * - `place`: an action in the namespace that is asked about;
 * - `list`: everybody is answered with what they may see;
 * - `plain`: an action, in the global scope;
 * - `whole`: an action, over everything there is; `*` is every action there will ever be;
 * - `never`: nobody may.
 */
export type Guard = "open" | "self" | "place" | "list" | "plain" | "whole" | "never";

/** One route. */
export interface Row {
  readonly guard: Guard;
  /** What opens it; several where it takes them all. */
  readonly actions: readonly (Action | "*")[];
  ask(at: At): Asked;
  /** What it changes or ends, and so needs of its own each time. */
  readonly uses?: "secret" | "key";
  /** The status for who may; left out where it depends on more than access: then not 401 or 403. */
  readonly ok?: number;
}

const NOBODY = "00000000-0000-4000-8000-000000000000";
const SECRET = { value: "value-2" };

/** Rows by method and path, as the app has them; `ALL` where a route takes every method. */
export const ACCESS: Readonly<Record<string, Row>> = {
  "GET /healthz": row("open", [], () => ({ path: "/healthz" }), 200),
  "GET /readyz": row("open", [], () => ({ path: "/readyz" }), 200),
  "GET /api/v1/auth/server": row(
    "open",
    [],
    () => ({ path: `/api/v1/auth/server?nonce=${"n".repeat(42)}A` }),
    204,
  ),
  "POST /api/v1/auth/oidc": row("open", [], () => ({ path: "/api/v1/auth/oidc", json: {} }), 404),
  "GET /api/v1/auth/whoami": row("self", [], () => ({ path: "/api/v1/auth/whoami" }), 200),
  ...using(
    "secret",
    secretsByName("/api/v1/admin/secrets", "/api/v1/admin/secrets/:name", "history"),
  ),
  ...using("secret", secretsByName("/api/v1/secrets", "/api/v1/secrets/by-name/:name", "versions")),
  ...using("secret", secretsById()),
  ...using("key", serviceKeys()),
  ...functions(),
  ...code("functions"),
  ...code("jobs"),
  ...jobs(),
  ...settings(),
  ...administration(),
};

function row(guard: Guard, actions: Row["actions"], ask: Row["ask"], ok?: number): Row {
  return { guard, actions, ask, ...(ok !== undefined && { ok }) };
}

function placeBody({ namespace }: At): Record<string, string> {
  return namespace === null ? {} : { namespace, scope: "namespace" };
}

function using(what: "secret" | "key", rows: Record<string, Row>): Record<string, Row> {
  const entries = Object.entries(rows).map(([route, one]) => [
    route,
    one.guard === "place" ? { ...one, uses: what } : one,
  ]);
  return Object.fromEntries(entries);
}

function secretsByName(base: string, one: string, history: string): Record<string, Row> {
  const path = (at: At, tail = "") => one.replace(":name", at.secret) + tail + at.query;
  const rollback = one.includes("by-name") ? `${one}/rollback/:version` : `${one}/rollback`;
  return {
    [`GET ${base}`]: row("list", ["secrets:list"], (at) => ({ path: base + at.query }), 200),
    [`POST ${base}`]: row("place", ["secrets:write"], (at) => ({
      path: base + at.query,
      json: { name: `NEW_${crypto.randomUUID().replaceAll("-", "")}`, ...SECRET },
    }), 201),
    ...(base === "/api/v1/secrets" && {
      "GET /api/v1/secrets/stats": row("list", ["secrets:list"], () => ({
        path: "/api/v1/secrets/stats",
      }), 200),
    }),
    [`GET ${one}`]: row("place", ["secrets:read"], (at) => ({ path: path(at) }), 200),
    [`PUT ${one}`]: row(
      "place",
      ["secrets:write"],
      (at) => ({ path: path(at), json: SECRET }),
      200,
    ),
    [`DELETE ${one}`]: row("place", ["secrets:delete"], (at) => ({ path: path(at) }), 200),
    [`GET ${one}/${history}`]: row("place", ["secrets:read"], (at) => ({
      path: path(at, `/${history}`),
    }), 200),
    ...(base === "/api/v1/admin/secrets" && {
      [`GET ${one}/usage`]: row("place", ["secrets:read"], (at) => ({
        path: path(at, "/usage"),
      }), 200),
    }),
    [`POST ${base}/bulk`]: row("place", ["secrets:delete"], (at) => ({
      path: `${base}/bulk`,
      json: { operations: [{ op: "delete", name: at.secret, ...placeBody(at) }] },
    }), 200),
    [`POST ${base}/restore`]: row("place", ["secrets:read"], (at) => ({
      path: `${base}/restore`,
      json: { at: new Date().toISOString(), dry_run: true, scope: "global", ...placeBody(at) },
    }), 200),
    [`POST ${one}/restore`]: row("place", ["secrets:write"], (at) => ({
      path: path(at, "/restore"),
      json: {},
    })),
    [`POST ${rollback}`]: row("place", ["secrets:rollback"], (at) => ({
      path: path(at, rollback.endsWith(":version") ? "/rollback/1" : "/rollback"),
      json: { version: 1 },
    }), 200),
  };
}

function secretsById(): Record<string, Row> {
  const one = "/api/v1/secrets/:id";
  const path = (at: At, tail = "") => `/api/v1/secrets/${at.secretId}${tail}`;
  return {
    [`GET ${one}`]: row("place", ["secrets:read"], (at) => ({ path: path(at) }), 200),
    [`PUT ${one}`]: row(
      "place",
      ["secrets:write"],
      (at) => ({ path: path(at), json: SECRET }),
      200,
    ),
    [`DELETE ${one}`]: row("place", ["secrets:delete"], (at) => ({ path: path(at) }), 200),
    [`GET ${one}/versions`]: row(
      "list",
      ["secrets:read"],
      (at) => ({ path: path(at, "/versions") }),
      200,
    ),
    [`POST ${one}/rollback/:version`]: row("place", ["secrets:rollback"], (at) => ({
      path: path(at, "/rollback/1"),
      json: {},
    }), 200),
  };
}

function serviceKeys(): Record<string, Row> {
  const base = "/api/v1/admin/keys";
  const one = (at: At, tail = "") => ({ path: `${base}/${at.keyId}${tail}`, json: {} });
  const may: Action[] = ["keys:admin", "logs:read"];
  return {
    [`GET ${base}`]: row("list", ["keys:admin"], () => ({ path: base })),
    [`POST ${base}`]: row("place", may, (at) => ({
      path: base,
      json: { name: "k", grants: [`logs:read @ ${at.namespace ?? "@global"}`] },
    }), 201),
    [`GET ${base}/:id`]: row("place", may, (at) => ({ path: one(at).path }), 200),
    [`DELETE ${base}/:id`]: row("place", may, (at) => ({ path: one(at).path }), 200),
    [`POST ${base}/:id/revoke`]: row("place", may, (at) => one(at, "/revoke"), 200),
    [`POST ${base}/:id/rotate`]: row("place", may, (at) => one(at, "/rotate"), 200),
  };
}

function functions(): Record<string, Row> {
  const base = "/api/v1/functions";
  const one = (at: At, tail = "") => `${base}/hello${tail}${at.query}`;
  return {
    [`ALL ${base}/:name/invoke`]: row("place", ["functions:invoke"], (at) => ({
      path: one(at, "/invoke"),
    }), 200),
    [`GET ${base}`]: row("list", ["functions:invoke"], () => ({ path: base }), 200),
    [`POST ${base}`]: row("plain", ["functions:read", "functions:deploy"], () => ({
      path: base,
      json: { name: "other", code: "export default () => new Response('x')" },
    })),
    [`GET ${base}/:name`]: row("place", ["functions:read"], (at) => ({ path: one(at) })),
    [`PUT ${base}/:name`]: row("place", ["functions:deploy"], (at) => ({
      path: one(at),
      json: { enabled: true },
    })),
    [`DELETE ${base}/:name`]: row("place", ["functions:delete"], (at) => ({ path: one(at) })),
    [`GET ${base}/:name/executions`]: row("place", ["functions:invoke", "logs:read"], (at) => ({
      path: one(at, "/executions"),
    }), 200),
  };
}

function code(kind: "functions" | "jobs"): Record<string, Row> {
  const base = `/api/v1/admin/${kind}`;
  const one = (at: At, tail = "") => `${base}/hello${tail}${at.query}`;
  return {
    [`GET ${base}`]: row("list", [`${kind}:read`], () => ({ path: base }), 200),
    [`POST ${base}/sync`]: row("place", [`${kind}:deploy`], (at) => ({
      path: `${base}/sync`,
      json: {
        ...(at.namespace !== null && { namespace: at.namespace }),
        [kind]: [{ name: "x", code: "(" }],
        options: { dry_run: true },
      },
    })),
    [`GET ${base}/:name`]: row("place", [`${kind}:read`], (at) => ({ path: one(at) })),
    [`DELETE ${base}/:name`]: row("place", [`${kind}:delete`], (at) => ({ path: one(at) })),
    [`GET ${base}/:name/versions`]: row("place", [`${kind}:read`], (at) => ({
      path: one(at, "/versions"),
    })),
    [`POST ${base}/:name/rollback`]: row("place", [`${kind}:deploy`], (at) => ({
      path: one(at, "/rollback"),
      json: { version: 1 },
    })),
  };
}

function jobs(): Record<string, Row> {
  const base = "/api/v1/jobs";
  const unknown = (tail = "") => () => ({ path: `${base}/${NOBODY}${tail}` });
  const schedule = (at: At) => `${base}/schedules/nightly${at.query}`;
  return {
    [`POST ${base}/submit`]: row("place", ["jobs:submit"], (at) => ({
      path: `${base}/submit`,
      json: { job_name: "nightly", ...(at.namespace !== null && { namespace: at.namespace }) },
    })),
    [`GET ${base}`]: row("list", ["jobs:read"], () => ({ path: base }), 200),
    [`GET ${base}/functions`]: row(
      "list",
      ["jobs:submit"],
      () => ({ path: `${base}/functions` }),
      200,
    ),
    [`GET ${base}/stats`]: row("list", ["jobs:read"], () => ({ path: `${base}/stats` }), 200),
    [`GET ${base}/schedules`]: row(
      "list",
      ["jobs:read"],
      () => ({ path: `${base}/schedules` }),
      200,
    ),
    [`PUT ${base}/schedules/:name`]: row("place", ["jobs:manage"], (at) => ({
      path: schedule(at),
      json: { cron: "0 0 1 1 *" },
    })),
    [`DELETE ${base}/schedules/:name`]: row("place", ["jobs:manage"], (at) => ({
      path: schedule(at),
    })),
    [`GET ${base}/:id`]: row("place", ["jobs:read"], unknown()),
    [`GET ${base}/:id/logs`]: row("place", ["jobs:read", "logs:read"], unknown("/logs")),
    [`POST ${base}/:id/cancel`]: row("place", ["jobs:manage"], unknown("/cancel")),
    [`POST ${base}/:id/retry`]: row("place", ["jobs:manage"], unknown("/retry")),
  };
}

function settings(): Record<string, Row> {
  const system = "/api/v1/admin/settings/custom";
  const own = "/api/v1/settings";
  const key = ":key{.+}";
  const at = (path: string, json?: unknown) => () => ({
    path,
    ...(json !== undefined && { json }),
  });
  const value = { value: "value-1" };
  const fresh = (path: string) => () => ({
    path,
    json: { ...value, key: `k${crypto.randomUUID()}`, is_secret: true },
  });
  const decrypt = "/api/v1/admin/settings/user/:user_id/secret/:key/decrypt";
  return {
    [`POST ${system}`]: row("plain", ["settings:write"], () => ({
      path: system,
      json: { key: `k${crypto.randomUUID()}`, value, is_secret: true },
    })),
    [`POST ${system}/secret`]: row("plain", ["settings:write"], fresh(`${system}/secret`)),
    [`GET ${system}/secrets`]: row("plain", ["settings:list"], at(`${system}/secrets`)),
    [`GET ${system}/secret/${key}`]: row("plain", ["settings:read"], at(`${system}/secret/a`)),
    [`PUT ${system}/secret/${key}`]: row(
      "plain",
      ["settings:write"],
      at(`${system}/secret/a`, value),
    ),
    [`DELETE ${system}/secret/${key}`]: row("plain", ["settings:delete"], at(`${system}/secret/a`)),
    [`GET ${decrypt}`]: row("never", [], at(decrypt.replace(":user_id", "u").replace(":key", "k"))),
    [`GET ${own}/secret`]: row("plain", ["settings:own"], at(`${own}/secret`)),
    [`POST ${own}/secret`]: row("plain", ["settings:own"], fresh(`${own}/secret`)),
    [`GET ${own}/secrets`]: row("plain", ["settings:own"], at(`${own}/secrets`)),
    [`GET ${own}/secret/${key}`]: row("plain", ["settings:own"], at(`${own}/secret/a`)),
    [`PUT ${own}/secret/${key}`]: row("plain", ["settings:own"], at(`${own}/secret/a`, value)),
    [`DELETE ${own}/secret/${key}`]: row("plain", ["settings:own"], at(`${own}/secret/a`)),
  };
}

function administration(): Record<string, Row> {
  const ring = "/api/v1/admin/keyring";
  const logs = "/api/v1/admin/logs";
  const lines = `${logs}/executions`;
  const post = (path: string, json: unknown = {}) => () => ({ path, json });
  return {
    [`GET ${logs}`]: row("list", ["logs:read"], (at) => ({ path: `${logs}${at.query}` }), 200),
    [`GET ${logs}/stats`]: row("list", ["logs:read"], () => ({ path: `${logs}/stats` }), 200),
    [`GET ${lines}/:id`]: row("list", ["logs:read"], () => ({ path: `${lines}/${NOBODY}` }), 200),
    [`GET ${ring}`]: row("whole", ["keys:admin"], () => ({ path: ring }), 200),
    [`POST ${ring}/rotate`]: row(
      "whole",
      ["keys:admin"],
      post(`${ring}/rotate`, { purposes: ["digest"] }),
    ),
    [`POST ${ring}/rewrap`]: row("whole", ["keys:admin"], post(`${ring}/rewrap`)),
    [`POST ${ring}/verify`]: row("whole", ["keys:admin"], post(`${ring}/verify`)),
    [`POST ${ring}/keys/:id/retire`]: row(
      "whole",
      ["keys:admin"],
      post(`${ring}/keys/0000000000000000/retire`),
    ),
    "POST /api/v1/admin/backup": row(
      "whole",
      ["*"],
      post("/api/v1/admin/backup", { passphrase: "correct horse battery staple" }),
    ),
    "POST /api/v1/admin/backup/restore": row("whole", ["*"], () => ({
      path: "/api/v1/admin/backup/restore",
      raw: { type: "application/octet-stream", body: '{"passphrase":"x"}\nno backup' },
    })),
    "POST /api/v1/admin/import": row(
      "whole",
      ["*"],
      post("/api/v1/admin/import", {
        dry_run: true,
        settings: [{
          key: "a",
          user_id: null,
          value: "x",
          description: null,
          created_at: "2030-01-01T00:00:00Z",
          updated_at: "2030-01-01T00:00:00Z",
          created_by: null,
          updated_by: null,
        }],
      }),
    ),
    "GET /api/v1/admin/audit": row(
      "list",
      ["audit:read"],
      () => ({ path: "/api/v1/admin/audit" }),
      200,
    ),
    "GET /api/v1/admin/audit/verify": row(
      "whole",
      ["keys:admin"],
      () => ({ path: "/api/v1/admin/audit/verify" }),
      200,
    ),
    "GET /api/v1/admin/verify": row(
      "whole",
      ["keys:admin"],
      () => ({ path: "/api/v1/admin/verify" }),
    ),
    "POST /api/v1/admin/verify/accept": row(
      "whole",
      ["keys:admin"],
      post("/api/v1/admin/verify/accept", { place: "nowhere" }),
    ),
  };
}
