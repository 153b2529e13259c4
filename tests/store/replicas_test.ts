import { assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";
import type { Namespace } from "../../lib/resolve/ref.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import { SECRETS_CHANNEL } from "../../lib/store/secret_writes.ts";
import { SERVICE_KEYS_CHANNEL } from "../../lib/store/service_keys.ts";
import type { Database } from "../../lib/store/sql.ts";
import { createPostgresDatabase } from "../support/databases.ts";
import { admin, injected, joinWorld, ref, type World } from "../support/world.ts";

const text = Plaintext.fromText;

/** Runs `work` with `count` servers, each with connections of its own to one PostgreSQL database. */
async function withReplicas(count: number, work: (replicas: World[]) => Promise<void>) {
  const { url, drop } = await createPostgresDatabase();
  const open: Database[] = [];
  try {
    for (let i = 0; i < count; i++) open.push(await openPostgres(url, { max: 8 }));
    const first = await joinWorld(open[0]!);
    const { roots } = first;
    const rest = open.slice(1).map((database) => joinWorld(database, { roots }));
    await work([first, ...await Promise.all(rest)]);
  } finally {
    for (const database of open) await database.close();
    await drop();
  }
}

Deno.test("replicas that start at once on an empty database get one key ring", async () => {
  const { url, drop } = await createPostgresDatabase();
  const open = await Promise.all(Array.from({ length: 4 }, () => openPostgres(url, { max: 2 })));
  try {
    const roots = parseRootKeys(generateRootKey().text);
    const worlds = await Promise.all(open.map((database) => joinWorld(database, { roots })));
    assertEquals(new Set(worlds.map(({ ring }) => ring.primaryId("value"))).size, 1);
  } finally {
    for (const database of open) await database.close();
    await drop();
  }
});

Deno.test("50 writers on three replicas leave versions 1 to N without a gap", async () => {
  await withReplicas(3, async (replicas) => {
    const a = ref("A", "prod");
    await replicas[0]!.vault.create(admin, a, { value: text("value-1") });
    const writes = Array.from({ length: 50 }, (_, i) => {
      const { vault } = replicas[i % 3]!;
      if (i % 10 === 9) return vault.rollback(admin, a, 1);
      if (i % 10 === 8) return vault.update(admin, a, { description: `writer ${i}` });
      return vault.update(admin, a, { value: text(`value-of-${i}`) });
    });
    await Promise.all(writes);
    const versions = await replicas[1]!.vault.versions(admin, a);
    const count = 1 + 45;
    assertEquals(
      versions.map(({ version }) => version),
      Array.from({ length: count }, (_, i) => count - i),
    );
    assertEquals((await replicas[2]!.vault.find(admin, a)).version, count);
    const heads = await replicas[0]!.database.sql`
      select revision from functions.heads where namespace = 'prod'`;
    assertEquals(heads, [{ revision: 51 }]);
  });
});

Deno.test("of writers with one If-Match on several replicas exactly one wins", async () => {
  await withReplicas(3, async (replicas) => {
    const a = ref("A");
    await replicas[0]!.vault.create(admin, a, { value: text("value-1") });
    const results = await Promise.allSettled(
      replicas.flatMap(({ vault }) =>
        [1, 2, 3].map((n) =>
          vault.update(admin, a, { value: text(`value-${n}`) }, { ifMatch: [1] })
        )
      ),
    );
    assertEquals(results.filter(({ status }) => status === "fulfilled").length, 1);
    for (const result of results) {
      if (result.status === "rejected") assertEquals(result.reason.code, "PRECONDITION_FAILED");
    }
  });
});

Deno.test("deleting and writing one secret at once on two replicas never revives it", async () => {
  await withReplicas(2, async ([one, two]) => {
    for (let round = 0; round < 10; round++) {
      const a = ref(`A_${round}`);
      await one!.vault.create(admin, a, { value: text("value-1") });
      const [, written] = await Promise.allSettled([
        one!.vault.delete(admin, a),
        two!.vault.update(admin, a, { value: text("value-2") }),
      ]);
      if (written.status === "rejected") assertEquals(written.reason.code, "SECRET_NOT_FOUND");
      await assertRejects(() => two!.vault.find(admin, a), AppError, "Secret not found");
    }
  });
});

Deno.test("a write tells the other replicas, which then resolve anew", async () => {
  await withReplicas(2, async ([writer, reader]) => {
    let heard = Promise.withResolvers<Namespace | null>();
    const subscription = await reader!.database.listen(SECRETS_CHANNEL, (payload) => {
      const namespace = payload === "" ? null : payload as Namespace;
      reader!.resolver.invalidate(namespace);
      heard.resolve(namespace);
    }, () => {});
    try {
      for (const place of [ref("A", "prod"), ref("A")]) {
        await injected(reader!, "prod");
        heard = Promise.withResolvers();
        await writer!.vault.create(admin, place, { value: text("value-1") });
        assertEquals(await heard.promise, place.namespace);
        assertEquals(reader!.resolver.cached(ref("A", "prod").namespace), undefined);
        assertEquals(await injected(reader!, "prod"), { FLUXBASE_SECRET_A: "value-1" });
      }
    } finally {
      await subscription.close();
    }
  });
});

Deno.test("a revocation tells the other replicas which key it was", async () => {
  await withReplicas(2, async ([writer, reader]) => {
    const { key, text: token } = await writer!.keys.issue(admin, {
      name: "ci",
      grants: [{ actions: ["secrets:list"], namespaces: ["*"], names: ["*"] }],
    });
    await reader!.auth.authenticate(token);
    const heard = Promise.withResolvers<void>();
    const subscription = await reader!.database.listen(SERVICE_KEYS_CHANNEL, (prefix) => {
      reader!.auth.invalidate(prefix);
      heard.resolve();
    }, () => {});
    try {
      await writer!.keys.revoke(admin, key.id);
      await heard.promise;
      assertEquals(reader!.auth.cached(token), undefined);
    } finally {
      await subscription.close();
    }
  });
});
