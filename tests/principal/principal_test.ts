import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { globPattern, matchesGlob } from "../../lib/principal/glob.ts";
import { parseGrants } from "../../lib/principal/grants.ts";
import {
  type Action,
  can,
  EVERYTHING,
  type Grant,
  holds,
  type Principal,
  sees,
} from "../../lib/principal/principal.ts";
import { parseNamespace } from "../../lib/resolve/ref.ts";

function holder(...grants: Grant[]): Principal {
  return { id: "p", kind: "service_key", grants };
}

function grant(actions: Grant["actions"], namespaces: string[], names: string[]): Grant {
  return { actions, namespaces, names };
}

const cases: {
  grant: Grant;
  action: Action;
  namespace: string | null;
  name: string;
  want: boolean;
}[] = [
  { grant: EVERYTHING, action: "keys:admin", namespace: null, name: "A", want: true },
  {
    grant: grant(["secrets:read"], ["*"], ["*"]),
    action: "secrets:write",
    namespace: null,
    name: "A",
    want: false,
  },
  {
    grant: grant(["secrets:read"], ["*"], ["*"]),
    action: "secrets:read",
    namespace: null,
    name: "A",
    want: true,
  },
  {
    grant: grant(["*"], ["@global"], ["*"]),
    action: "secrets:read",
    namespace: null,
    name: "A",
    want: true,
  },
  {
    grant: grant(["*"], ["@global"], ["*"]),
    action: "secrets:read",
    namespace: "prod",
    name: "A",
    want: false,
  },
  {
    grant: grant(["*"], ["prod"], ["*"]),
    action: "secrets:read",
    namespace: null,
    name: "A",
    want: false,
  },
  {
    grant: grant(["*"], ["p*"], ["*"]),
    action: "secrets:read",
    namespace: "prod",
    name: "A",
    want: true,
  },
  {
    grant: grant(["*"], ["p*"], ["*"]),
    action: "secrets:read",
    namespace: "dev",
    name: "A",
    want: false,
  },
  {
    grant: grant(["*"], ["p.d"], ["*"]),
    action: "secrets:read",
    namespace: "prd",
    name: "A",
    want: false,
  },
  {
    grant: grant(["*"], ["prod"], ["API_*"]),
    action: "secrets:read",
    namespace: "prod",
    name: "API_KEY",
    want: true,
  },
  {
    grant: grant(["*"], ["prod"], ["API_*"]),
    action: "secrets:read",
    namespace: "prod",
    name: "MY_API_KEY",
    want: false,
  },
  {
    grant: grant(["*"], [], ["*"]),
    action: "secrets:read",
    namespace: "prod",
    name: "A",
    want: false,
  },
];

Deno.test("can() follows its table", async (t) => {
  for (const c of cases) {
    await t.step(`${JSON.stringify(c.grant)} ${c.action} ${c.namespace}/${c.name}`, () => {
      const namespace = c.namespace === null ? null : parseNamespace(c.namespace);
      assertEquals(can(holder(c.grant), c.action, { namespace, name: c.name }), c.want);
    });
  }
});

Deno.test("can() doesn't put parts of two grants together", () => {
  const both = holder(
    grant(["secrets:read"], ["prod"], ["*"]),
    grant(["secrets:write"], ["dev"], ["*"]),
  );
  const target = { namespace: parseNamespace("prod"), name: "A" };
  assertEquals([can(both, "secrets:read", target), can(both, "secrets:write", target)], [
    true,
    false,
  ]);
  assertEquals([sees(both, parseNamespace("dev")), sees(both, null)], [true, false]);
});

Deno.test("holds() never lets a grant through that allows more", () => {
  const glob = fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("").replace(/\*+/g, "*"));
  const namespaceGlob = fc.oneof(glob, fc.constant("@global"));
  const action = fc.constantFrom<Action | "*">("*", "secrets:read", "secrets:write");
  const arbitrary = fc.record({
    actions: fc.array(action, { minLength: 1, maxLength: 2 }),
    namespaces: fc.array(namespaceGlob, { minLength: 1, maxLength: 2 }),
    names: fc.array(glob, { minLength: 1, maxLength: 2 }),
  });
  const name = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 5 }).map((x) =>
    x.join("")
  );
  const place = fc.oneof(fc.constant(null), name.map(parseNamespace));
  fc.assert(
    fc.property(arbitrary, arbitrary, place, name, (wide, narrow, namespace, text) => {
      if (!holds(holder(wide), narrow)) return;
      for (const asked of ["secrets:read", "secrets:write", "keys:admin"] as const) {
        const target = { namespace, name: text };
        if (can(holder(narrow), asked, target)) {
          assertEquals(can(holder(wide), asked, target), true);
        }
      }
    }),
    { numRuns: 5_000 },
  );
  assertEquals(holds(holder(EVERYTHING), EVERYTHING), true);
  assertEquals(
    holds(holder(grant(["*"], ["p*"], ["*"])), grant(["secrets:read"], ["prod*"], ["A"])),
    true,
  );
  assertEquals(holds(holder(grant(["*"], ["*l"], ["*"])), grant(["*"], ["@global"], ["*"])), false);
});

Deno.test("matchesGlob() takes nothing but * for special", () => {
  for (
    const [glob, text, want] of [
      ["a.b", "a.b", true],
      ["a.b", "axb", false],
      ["*.b", "a.b", true],
      ["*.b", "axb", false],
      ["a*c", "ac", true],
      ["a*c", "abbc", true],
      ["a*c", "acb", false],
      ["a-*", "a-1", true],
    ] as const
  ) assertEquals(matchesGlob(glob, text), want, `${glob} ${text}`);
});

Deno.test("matchesGlob() agrees with the pattern that PostgreSQL is given", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 12 });
  const glob = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 8 });
  fc.assert(fc.property(glob, text, (glob, text) => {
    assertEquals(matchesGlob(glob, text), new RegExp(globPattern([glob])).test(text));
  }));
});

Deno.test("parseGrants() keeps matching fast on hostile globs", () => {
  const [parsed] = parseGrants([grant(["*"], ["a**b"], ["A*A*A*A*"])]);
  assertEquals([parsed?.namespaces, parsed?.names], [["a*b"], ["A*A*A*A*"]]);
  assertEquals(matchesGlob(parsed!.names[0]!, "A".repeat(128) + "B"), true);
  // With a matcher that goes back, this takes minutes.
  const names = Array.from({ length: 10_000 }, (_, i) => `${"A".repeat(120)}${i}`);
  assertEquals(names.filter((name) => matchesGlob("*A*A*A*B", name)), []);
});
