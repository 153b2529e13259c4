import { assert, assertEquals } from "@std/assert";
import { AccessLog } from "../../lib/audit/access_log.ts";
import { SYSTEM } from "../../lib/audit/actor.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { Denials } from "../../lib/http/denials.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { listRecords, purgeRecords } from "../../lib/store/audit_list.ts";
import { AUDIT, AuditStream } from "../../lib/store/audit_stream.ts";
import { pageOfStream } from "../../lib/store/audit_rows.ts";
import { EVERYTHING, visibility } from "../../lib/principal/principal.ts";
import { Hono } from "hono";
import type { AppEnv } from "../../lib/http/env.ts";
import { createApp } from "../../lib/http/app.ts";
import { auditRoutes } from "../../lib/http/audit.ts";
import { createLog } from "../../lib/log.ts";
import { problemsOf, verificationOf } from "../support/verification.ts";
import {
  admin,
  type HttpWorld,
  ref,
  send,
  testOverDatabases,
  type World,
} from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;

function streamOf({ database: { sql }, ring }: World): AuditStream {
  return new AuditStream({ sql, ring, watch: new HeadWatch() });
}

function entry(name: string, count = 1) {
  return { action: "secret.read", actor: SYSTEM, name, count };
}

async function accesses({ database: { sql } }: World): Promise<string[]> {
  const records = await pageOfStream(sql, AUDIT, 0, 1_000);
  return records.map(({ action, name, count }) => `${action} ${name} ${count}`);
}

test("accesses are stored in batches, by several servers at once", async (world) => {
  const troubles: unknown[] = [];
  const logs = Array.from(
    { length: 3 },
    () => new AccessLog({ store: streamOf(world), onTrouble: (...args) => troubles.push(args) }),
  );
  for (let i = 0; i < 300; i++) logs[i % 3]!.note(entry(`N${i}`));
  await Promise.all(logs.map((log) => log.close()));
  assertEquals(troubles, []);
  const names = Array.from({ length: 300 }, (_, i) => `secret.read N${i} 1`);
  assertEquals((await accesses(world)).toSorted(), names.toSorted());
  assertEquals(await problemsOf(verificationOf(world)), []);
});

test("a batch whose outcome isn't known is stored once", async (world) => {
  const stream = streamOf(world);
  let attempts = 0;
  const log = new AccessLog({
    store: {
      async append(batch) {
        await stream.append(batch);
        if (++attempts === 1) throw new Error("the answer was lost");
      },
    },
    onTrouble: () => {},
  });
  log.note(entry("A"));
  log.note(entry("B"));
  await log.close();
  assertEquals(attempts, 2);
  assertEquals(await accesses(world), ["secret.read A 1", "secret.read B 1"]);
});

test("what finds no room is counted, and the count is recorded", async (world) => {
  const log = new AccessLog({ store: streamOf(world), onTrouble: () => {} });
  for (let i = 0; i < 10_003; i++) log.note(entry("A"));
  await log.close();
  const lost = (await pageOfStream(world.database.sql, AUDIT, 0, 20_000))
    .filter(({ action }) => action === "audit.lost");
  assertEquals(lost.map(({ count }) => count), [3]);
});

/** The app with a record of denied attempts. */
async function openApp(world: World): Promise<HttpWorld & { log: AccessLog; denials: Denials }> {
  const { vault, auth, ring, database: { sql } } = world;
  const log = new AccessLog({ store: streamOf(world), onTrouble: () => {} });
  const denials = new Denials(log);
  const app = createApp({
    vault,
    auth,
    health: { database: () => Promise.resolve() },
    log: createLog({ write: () => {} }),
    witness: denials,
    functions: new Hono<AppEnv>(),
    mounts: { "/api/v1/admin/audit": auditRoutes({ sql, ring }) },
  });
  return { app, lines: [], key: (await world.systemKeys.ensureAdminKey())!, log, denials };
}

test("denied attempts are recorded, those alike as one", async (world) => {
  const http = await openApp(world);
  const { text: key } = await world.keys.issue(admin, {
    name: "reader",
    grants: [{ actions: ["secrets:read"], namespaces: ["prod"], names: ["*"] }],
  });
  const asReader = { headers: { authorization: `Bearer ${key}` } };
  for (let i = 0; i < 5; i++) {
    const json = { value: "never-recorded" };
    await send(http, "PUT", "/api/v1/secrets/by-name/A?namespace=prod", { json, ...asReader });
  }
  await send(http, "GET", "/api/v1/secrets/by-name/A?namespace=hidden", asReader);
  await send(http, "GET", "/api/v1/secrets", { headers: { authorization: "Bearer fxsk_bad" } });
  await send(http, "GET", "/api/v1/secrets/by-name/MISSING?namespace=prod", asReader);
  // What a client makes up is neither kept nor counted apart.
  for (const method of ["NEVER-RECORDED", "NEVER-RECORDED-2"]) {
    await http.app.request("/api/v1/secrets", { method });
  }
  http.denials.close();
  await http.log.close();
  const found = await pageOfStream(world.database.sql, AUDIT, 0, 100);
  assertEquals(
    found.map((each) => [
      each.outcome,
      each.principalKind,
      each.namespace,
      each.name,
      each.count,
      JSON.parse(each.detail!).code,
    ]),
    [
      ["denied", "service_key", "prod", "A", 1, "ACCESS_DENIED"],
      ["denied", "service_key", "hidden", "A", 1, "ACCESS_DENIED"],
      ["denied", "anonymous", null, null, 1, "AUTHENTICATION_REQUIRED"],
      ["denied", "anonymous", null, null, 1, "AUTHENTICATION_REQUIRED"],
      ["denied", "service_key", "prod", "A", 4, "ACCESS_DENIED"],
      ["denied", "anonymous", null, null, 1, "AUTHENTICATION_REQUIRED"],
    ],
  );
  assert(!JSON.stringify(found).toLowerCase().includes("never-recorded"));
  assertEquals(await problemsOf(verificationOf(world)), []);
});

interface Listed {
  readonly records: readonly Record<string, unknown>[];
  readonly next_cursor: string | null;
}

test("the list shows what is granted, newest first, page by page", async (world) => {
  const http = await openApp(world);
  for (const name of ["A", "B", "C"]) {
    await world.vault.create(admin, ref(name, "prod"), { value: text("v") });
    await world.vault.create(admin, ref(name, "dev"), { value: text("v") });
  }
  const { text: key } = await world.keys.issue(admin, {
    name: "auditor",
    grants: [{ actions: ["audit:read"], namespaces: ["prod"], names: ["A", "B"] }],
  });
  const list = async (query: string, options = {}) => {
    const { status, body } = await send(http, "GET", `/api/v1/admin/audit?${query}`, options);
    assertEquals(status, 200);
    return body as Listed;
  };
  const own = await list("", { headers: { authorization: `Bearer ${key}` } });
  assertEquals(own.records.map(({ namespace, name }) => `${namespace}/${name}`), [
    "prod/B",
    "prod/A",
  ]);
  const seen: unknown[] = [];
  for (let cursor: string | null = "";;) {
    const page: Listed = await list(
      `action=secret.create&limit=4${cursor ? `&cursor=${cursor}` : ""}`,
    );
    seen.push(...page.records.map(({ namespace, name }) => `${namespace}/${name}`));
    cursor = page.next_cursor;
    if (cursor === null) break;
  }
  assertEquals(seen.length, 6);
  assertEquals(new Set(seen).size, 6);
  const named = await list("namespace=dev&name=C");
  assertEquals(named.records.map(({ intact, version }) => [intact, version]), [[true, 1]]);
  await world.database.sql`update app.audit set principal = 'x' where name = 'C'`;
  assertEquals((await list("namespace=dev&name=C")).records.map(({ intact }) => intact), [false]);
  const { body } = await send(http, "GET", "/api/v1/admin/audit/verify");
  assertEquals((body as { problems: unknown[] }).problems.length, 2);
});

test("old records go, and where those that are kept begin is noted", async (world) => {
  const { vault, ring, database: { sql } } = world;
  for (const name of ["A", "B"]) await vault.create(admin, ref(name), { value: text("v") });
  const cut = new Date(Date.now() + 1_000);
  assert(await purgeRecords(sql, ring, cut) >= 2);
  assertEquals(await problemsOf(verificationOf(world)), []);
  assertEquals(await purgeRecords(sql, ring, cut), 0);
  await vault.create(admin, ref("C"), { value: text("v") });
  assertEquals(await problemsOf(verificationOf(world)), []);
  const all = await listRecords(sql, {
    visible: visibility({ ...admin, grants: [EVERYTHING] }, "audit:read"),
    limit: 10,
  });
  assertEquals(all.map(({ name }) => name), ["C"]);
  await sql`delete from app.audit_floors where stream is null`;
  assertEquals((await problemsOf(verificationOf(world))).length, 1);
});
