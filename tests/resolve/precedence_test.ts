import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { type Candidate, environmentSecrets, pick } from "../../lib/resolve/precedence.ts";
import { ref } from "../support/world.ts";

const NOW = 1_000;
const live = null;
const expired = new Date(NOW);

function candidate(namespace: string | undefined, expiresAt: Date | null): Candidate {
  return { ...ref("A", namespace), expiresAt };
}

const cases: {
  name: string;
  environment?: boolean;
  namespace?: Date | null;
  global?: Date | null;
  want: "namespace" | "global" | "nothing";
}[] = [
  { name: "nothing stored", want: "nothing" },
  { name: "global alone", global: live, want: "global" },
  { name: "namespace alone", namespace: live, want: "namespace" },
  { name: "namespace over global", namespace: live, global: live, want: "namespace" },
  { name: "expired global", global: expired, want: "nothing" },
  { name: "expired namespace over nothing", namespace: expired, want: "nothing" },
  { name: "expired namespace shadows global", namespace: expired, global: live, want: "nothing" },
  { name: "namespace over expired global", namespace: live, global: expired, want: "namespace" },
  {
    name: "environment over all",
    environment: true,
    namespace: live,
    global: live,
    want: "nothing",
  },
  { name: "environment over expired", environment: true, namespace: expired, want: "nothing" },
];

Deno.test("pick() prefers environment, then namespace, then global; an expired one shadows", async (t) => {
  for (const c of cases) {
    const stored: Candidate[] = [];
    if (c.global !== undefined) stored.push(candidate(undefined, c.global));
    if (c.namespace !== undefined) stored.push(candidate("prod", c.namespace));
    await t.step(c.name, () => {
      for (const order of [stored, stored.toReversed()]) {
        const { stored: won } = pick(order, { has: () => c.environment ?? false }, NOW);
        const want = c.want === "nothing" ? [] : [c.want];
        assertEquals(won.map(({ namespace }) => namespace === null ? "global" : "namespace"), want);
      }
    });
  }
});

Deno.test("pick() is valid until the first winner expires", () => {
  const at = (name: string, namespace: string | undefined, time: number | null) => ({
    ...ref(name, namespace),
    expiresAt: time === null ? null : new Date(time),
  });
  const none = { has: () => false };
  assertEquals(pick([], none, NOW).validUntil, Infinity);
  assertEquals(pick([at("A", undefined, null)], none, NOW).validUntil, Infinity);
  const some = [at("A", undefined, 5_000), at("B", undefined, 4_000), at("C", undefined, 900)];
  assertEquals(pick(some, none, NOW).validUntil, 4_000);
  // A loser's expiry changes nothing.
  const shadowed = [at("A", undefined, 2_000), at("A", "prod", 3_000)];
  assertEquals(pick(shadowed, none, NOW).validUntil, 3_000);
});

Deno.test("pick() doesn't depend on the order of candidates", () => {
  const arbitrary = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("A", "B", "C"),
      namespace: fc.constantFrom(undefined, "prod"),
      expires: fc.constantFrom(null, 500, 1_500),
    }),
    { selector: ({ name, namespace }) => `${name} ${namespace}` },
  );
  fc.assert(fc.property(arbitrary, fc.infiniteStream(fc.nat()), (list, seed) => {
    const candidates = list.map(({ name, namespace, expires }) => ({
      ...ref(name, namespace),
      expiresAt: expires === null ? null : new Date(expires),
    }));
    const shuffled = candidates.map((item) => [seed.next().value, item] as const)
      .sort(([a], [b]) => a - b).map(([, item]) => item);
    const names = (items: readonly Candidate[]) =>
      items.map(({ namespace, name }) => `${namespace} ${name}`).sort();
    const none = { has: () => false };
    assertEquals(
      names(pick(shuffled, none, NOW).stored),
      names(pick(candidates, none, NOW).stored),
    );
  }));
});

Deno.test("environmentSecrets() takes its own variables and refuses bad names", () => {
  const found = environmentSecrets({
    FLUXBASE_SECRET_A: "x",
    FLUXBASE_SECRET_b: "",
    FLUXBASE_PORT: "1",
    PATH: "/bin",
  });
  assertEquals([...found].map(([name, value]) => [String(name), value.reveal()]), [["A", "x"], [
    "B",
    "",
  ]]);
  for (
    const env of [
      { FLUXBASE_SECRET_: "canary-1" },
      { "FLUXBASE_SECRET_A-B": "canary-1" },
      { FLUXBASE_SECRET_FLUXBASE_URL: "canary-1" },
      { FLUXBASE_SECRET_A: "canary-1", FLUXBASE_SECRET_a: "canary-1" },
    ] as Record<string, string>[]
  ) {
    const error = assertThrows(() => environmentSecrets(env), AppError);
    assertEquals([error.code, error.message.includes("canary-1")], ["CONFIG_INVALID", false]);
  }
});
