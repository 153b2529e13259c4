/** Connection URLs. */
import { assertEquals, assertNotMatch, assertThrows } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { parsePostgresUrl, type Target } from "../../lib/store/postgres_url.ts";

const VALID: readonly [string, Partial<Target>][] = [
  ["postgres://u@h/d", { host: "h", port: 5432, user: "u", password: "", database: "d" }],
  ["postgresql://u:p%40ss@h:1/d", { password: "p@ss", port: 1 }],
  ["postgres://u@h", { database: "u" }],
  ["postgres://u@[::1]:7/d", { host: "::1", port: 7, ssl: "disable" }],
  ["postgres://u@127.0.0.1/d", { ssl: "disable" }],
  ["postgres://u@localhost/d?sslmode=require", { ssl: "require" }],
  ["postgres://u@db.example/d", { ssl: "prefer" }],
  ["postgres://u@db.example/d?sslmode=verify-ca", { ssl: "verify-full" }],
  ["postgres://u@localhost/d?host=/run/postgresql", { path: "/run/postgresql/.s.PGSQL.5432" }],
  ["postgres://u@%2Frun%2Fpostgresql:9/d", { path: "/run/postgresql/.s.PGSQL.9" }],
];

const INVALID: readonly [string, string][] = [
  ["not a url", "must be a URL"],
  ["mysql://u@h/d", "must begin with"],
  ["postgres://h/d", "must name a user"],
  ["postgres://u:%zz@h/d", "malformed"],
  ["postgres://u@h/d?sslmode=maybe", "unknown sslmode"],
];

for (const [url, expected] of VALID) {
  Deno.test(`parsePostgresUrl() reads ${url}`, () => {
    const target = parsePostgresUrl(url);
    for (const [key, value] of Object.entries(expected)) {
      assertEquals(target[key as keyof Target], value, key);
    }
  });
}

for (const [url, rule] of INVALID) {
  Deno.test(`parsePostgresUrl() refuses ${url} with the rule`, () => {
    const error = assertThrows(() => parsePostgresUrl(url), AppError, rule);
    assertEquals(error.code, "CONFIG_INVALID");
    assertNotMatch(error.message, /%zz|mysql|maybe/);
  });
}
