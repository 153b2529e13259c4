/** Connection URLs. */
import { assertEquals, assertNotMatch, assertThrows } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { parsePostgresUrl, type Target } from "../../lib/store/postgres_url.ts";

const VALID: readonly [string, Partial<Target>][] = [
  ["postgres://u@h/d", { host: "h", port: 5432, user: "u", password: "", database: "d" }],
  ["postgresql://u:p%40ss@h:1/d", { password: "p@ss", port: 1 }],
  ["postgres://u@h", { database: "u" }],
  ["postgres://u@[::1]:7/d", { host: "::1", port: 7, ssl: "prefer" }],
  ["postgres://u@127.0.0.1/d", { ssl: "prefer", rootCert: null }],
  ["postgres://u@h/d?sslmode=disable", { ssl: "disable" }],
  ["postgres://u@h/d?sslmode=allow", { ssl: "prefer" }],
  ["postgres://u@localhost/d?sslmode=require", { ssl: "require" }],
  ["postgres://u@db.example/d", { ssl: "prefer" }],
  ["postgres://u@h/d?ssl=true", { ssl: "require", rootCert: null }],
  ["postgres://u@h/d?sslmode=require&sslrootcert=/a+b%20c", {
    ssl: "verify-ca",
    rootCert: "/a+b c",
  }],
  ["postgres://u@h/d?sslmode=verify-ca&sslrootcert=f", { ssl: "verify-ca", rootCert: "f" }],
  ["postgres://u@h/d?sslmode=verify-full&sslrootcert=f", { ssl: "verify-full", rootCert: "f" }],
  ["postgres://u@h/d?channel_binding=prefer&application_name=x&port=9", { port: 9 }],
  ["postgres://u@h/d?host=/run/postgresql&sslmode=require", { ssl: "disable" }],
  ["postgres://u@localhost/d?host=/run/postgresql", { path: "/run/postgresql/.s.PGSQL.5432" }],
  ["postgres://u@%2Frun%2Fpostgresql:9/d", { path: "/run/postgresql/.s.PGSQL.9" }],
];

const INVALID: readonly [string, string][] = [
  ["not a url", "must be a URL"],
  ["mysql://u@h/d", "must begin with"],
  ["postgres://h/d", "must name a user"],
  ["postgres://u:%zz@h/d", "malformed"],
  ["postgres://u@h/d?sslmode=maybe", "unknown sslmode"],
  ["postgres://u@h/d?sslmode=", "unknown sslmode"],
  ["postgres://u@h/d?sslmode=toString", "unknown sslmode"],
  ["postgres://u@h/d?host=/run&sslmode=maybe", "unknown sslmode"],
  ["postgres://u@h/d?sslMode=verify-full", "a parameter that is not supported"],
  ["postgres://u@h/d?maybe=require", "a parameter that is not supported"],
  ["postgres://u@h/d?sslmode=verify-full&sslmode=disable", "the parameter sslmode twice"],
  ["postgres://u@h/d?sslmode=verify-ca", "sslrootcert=FILE"],
  ["postgres://u@h/d?sslmode=verify-full", "sslrootcert=FILE"],
  ["postgres://u@h/d?sslmode=verify-full&sslrootcert=system", "can't have sslrootcert=system"],
  ["postgres://u@h/d?sslrootcert=system", "can't have sslrootcert=system"],
  ["postgres://u@h/d?sslrootcert=maybe", "needs sslmode require, verify-ca or verify-full"],
  ["postgres://u@h/d?sslmode=disable&sslrootcert=maybe", "needs sslmode require"],
  ["postgres://u@h/d?sslmode=require&channel_binding=require", "channel_binding only as"],
  ["postgres://u@h/d?sslmode=verify-full&sslcert=maybe", "a parameter that is not supported"],
  ["postgres://u@h/d?sslmode=verify-full&sslcrl=maybe", "a parameter that is not supported"],
  ["postgres://u@h/d?ssl=maybe", "ssl only as true"],
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
