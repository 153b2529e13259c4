import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { formatGrant, parseGrantText } from "../../lib/principal/grant_text.ts";
import { parseGrants } from "../../lib/principal/grants.ts";
import { ACTIONS, type Grant } from "../../lib/principal/principal.ts";
import { KEY_ROLES, roleGrant } from "../../lib/principal/roles.ts";

Deno.test("parseGrantText() reads what help says, and what is left out is everything", () => {
  const table: [text: string, Grant][] = [
    ["secrets:read", { actions: ["secrets:read"], namespaces: ["*"], names: ["*"] }],
    ["  * ", { actions: ["*"], namespaces: ["*"], names: ["*"] }],
    ["secrets:read : A_*,B", { actions: ["secrets:read"], namespaces: ["*"], names: ["A_*", "B"] }],
    ["secrets:read @ @global", {
      actions: ["secrets:read"],
      namespaces: ["@global"],
      names: ["*"],
    }],
    ["secrets:read,secrets:list @ prod*, dev : STRIPE_*", {
      actions: ["secrets:read", "secrets:list"],
      namespaces: ["prod*", "dev"],
      names: ["STRIPE_*"],
    }],
  ];
  for (const [text, want] of table) assertEquals(parseGrantText(text), want, text);
  assertEquals(parseGrantText("secrets:read", ["dev"]).namespaces, ["dev"]);
  assertEquals(parseGrantText("secrets:read @ prod", ["dev"]).namespaces, ["prod"]);
});

Deno.test("parseGrantText() refuses what it can't mean, and is quick about it", () => {
  const bad = [
    "",
    " ",
    "secrets:reveal",
    "secrets:read,",
    "secrets:read prod",
    "secrets:read@prod",
    "secrets:read @",
    "secrets:read @ prod :",
    "secrets:read @ pr/od",
    "secrets:read @ prod : A B",
    "secrets:read @ prod @ dev",
    "secrets:read @ prod : A : B",
    `${"a,".repeat(20_000)}@`,
    `a @ ${" ".repeat(20_000)}`,
  ];
  for (const text of bad) assertThrows(() => parseGrantText(text), AppError, "", text.slice(0, 40));
});

Deno.test("formatGrant() writes what parseGrantText() reads", () => {
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 });
  const grant = fc.record({
    actions: list(fc.constantFrom("*" as const, ...ACTIONS)),
    namespaces: list(fc.constantFrom("*", "@global", "prod*", "a.b-c_d", "*x*")),
    names: list(fc.constantFrom("*", "STRIPE_*", "A", "fn-1.*")),
  });
  fc.assert(fc.property(grant, (some) => {
    assertEquals(parseGrantText(formatGrant(some)), some);
  }));
});

Deno.test("every role is a grant that can be given, in the namespaces that are named", () => {
  for (const role of Object.keys(KEY_ROLES)) {
    const grant = roleGrant(role, ["prod"]);
    assertEquals(parseGrants([grant]), [grant]);
    assertEquals(grant.namespaces, ["prod"]);
  }
  assertEquals(
    KEY_ROLES.reader.some((action) => /write|delete|rollback|admin/.test(action)),
    false,
  );
  for (const role of ["", "root", "toString", "__proto__"]) {
    assertThrows(() => roleGrant(role), AppError, "Role must be one of");
  }
});
