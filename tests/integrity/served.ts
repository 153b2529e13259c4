/**
 * A world with something in every table, and everything that is served from it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { actorOf } from "../../lib/audit/actor.ts";
import { Authenticator } from "../../lib/auth/authenticator.ts";
import { openKeyRing } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { describeDeployment, verifyDeployment } from "../../lib/deploy/rows.ts";
import { planDeployment } from "../../lib/deploy/plan.ts";
import { AppError } from "../../lib/errors.ts";
import { signOrder, verifyOrder } from "../../lib/jobs/job.ts";
import { orderOf } from "../../lib/jobs/job_rows.ts";
import { insertOrder } from "../../lib/jobs/job_store.ts";
import {
  type Schedule,
  scheduleMessage,
  SCHEDULES_SET,
  verifySchedule,
} from "../../lib/jobs/schedules.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { Resolver } from "../../lib/resolve/resolver.ts";
import { parseSettingKey, parseUserId } from "../../lib/resolve/setting_ref.ts";
import { SettingsResolver } from "../../lib/resolve/settings_resolver.ts";
import { SettingsVault } from "../../lib/settings/settings_vault.ts";
import { listDataKeys } from "../../lib/store/data_keys.ts";
import {
  changeDeployments,
  DEPLOYMENTS_SET,
  loadWholeDeployments,
  readBlob,
} from "../../lib/store/deployments.ts";
import { purgeRecords } from "../../lib/store/audit_list.ts";
import { RowSetStore } from "../../lib/store/row_sets.ts";
import { StoredSecretSource } from "../../lib/store/secret_source.ts";
import { SERVICE_KEYS_SET } from "../../lib/store/service_keys.ts";
import { StoredSettingSource } from "../../lib/store/settings.ts";
import type { Sql } from "../../lib/store/sql.ts";
import { Idempotency } from "../../lib/vault/idempotency.ts";
import { admin, ref, type World } from "../support/world.ts";
import { keepCopies } from "./tampering.ts";

const text = Plaintext.fromText;
const USER = parseUserId("user-1");
const KEY = parseSettingKey("mail.password");
const REPEATED = { principal: admin.id, key: "once", fields: ["request"] };

/** What tokens there are. */
export interface Tokens {
  readonly admin: string;
  readonly reader: string;
  readonly revoked: string;
  readonly rotated: string;
}

/** Fills `world`, keeps copies of every row, and changes everything once more. */
export async function populate(world: World): Promise<Tokens> {
  const { vault, keys, database: { sql } } = world;
  for (const name of ["A", "SHADOWED"]) {
    await vault.create(admin, ref(name), { value: text("value-1") });
  }
  await vault.create(admin, ref("SHADOWED", "prod"), {
    value: text("value-1"),
    expiresAt: new Date(4e12),
  });
  await vault.create(admin, ref("GONE", "prod"), { value: text("value-1") });
  await vault.create(admin, ref("PURGED", "prod"), { value: text("value-1") });
  await vault.create(admin, ref("ALONE", "dev"), { value: text("value-1") });
  const first = (await world.systemKeys.ensureAdminKey())!;
  const grants = [{ actions: ["secrets:read"] as const, namespaces: ["prod"], names: ["*"] }];
  const reader = await keys.issue(admin, { name: "reader", grants });
  const revoked = await keys.issue(admin, { name: "revoked", grants });
  const rotated = await keys.issue(admin, { name: "rotated", grants });
  await deploy(world, ["hello", "gone"], "code-1");
  await schedule(world, "cleanup", "0 3 * * *");
  await schedule(world, "removed", "0 3 * * *");
  const settings = new SettingsVault({
    sql,
    ring: world.ring,
    resolver: { invalidate: () => {}, doubt: () => {} },
  });
  for (const userId of [null, USER]) {
    await settings.create(admin, { userId, key: KEY }, { value: text("setting-1") });
  }
  await submit(world);
  // Records of until now are over, so that there are floors to attack.
  await purgeRecords(sql, world.ring, new Date(Date.now() + 60_000));
  await keepCopies(sql);

  await vault.update(admin, ref("A"), { value: text("value-2"), description: "d" });
  await vault.update(admin, ref("SHADOWED", "prod"), { expiresAt: new Date(1) });
  await vault.delete(admin, ref("GONE", "prod"));
  await vault.recovery.purge(admin, ref("PURGED", "prod"));
  await vault.update(admin, ref("ALONE", "dev"), { value: text("value-2") });
  await keys.revoke(admin, revoked.key.id);
  const again = await keys.rotate(admin, rotated.key.id, { overlapMs: 0 });
  await deploy(world, ["hello"], "code-2");
  await schedule(world, "cleanup", "0 4 * * *");
  await unschedule(world, "removed");
  for (const userId of [null, USER]) {
    await settings.update(admin, { userId, key: KEY }, { value: text("setting-2") });
  }
  await remember(world);
  return { admin: first, reader: reader.text, revoked: revoked.text, rotated: again.text };
}

/**
 * Everything that a server that starts now would serve, by what it is: as JSON, or which error.
 */
export async function served(world: World, sql: Sql, tokens: Tokens): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const probe = async (name: string, read: () => Promise<unknown>) => {
    try {
      found.set(name, JSON.stringify(await read()));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      found.set(name, refused(error.code));
    }
  };
  let ring = world.ring;
  await probe("key ring", async () => {
    ring = openKeyRing(world.roots, await listDataKeys(sql));
    return ring.primaryId("row");
  });
  const watch = new HeadWatch();
  const resolver = new Resolver(new StoredSecretSource(sql), ring, { watch });
  for (const place of [null, ref("A", "prod").namespace, ref("A", "dev").namespace]) {
    await probe(`secrets of ${place ?? "no namespace"}`, async () => {
      const { env } = await resolver.resolve(place);
      return [...env].map(([name, value]) => [name, value.reveal()]);
    });
  }
  const set = new RowSetStore(SERVICE_KEYS_SET, { ring, watch });
  const auth = new Authenticator({ sql, ring, set });
  for (const [name, token] of Object.entries(tokens)) {
    await probe(`${name} key`, () => auth.authenticate(token));
  }
  const deployments = { sql, set: new RowSetStore(DEPLOYMENTS_SET, { ring, watch }) };
  for (const kind of ["function", "job"] as const) {
    await probe(`deployed ${kind}s`, async () => {
      const { deployments: live } = await loadWholeDeployments(deployments, kind);
      return await Promise.all(live.map(async (stored) => {
        const { row, current } = verifyDeployment(ring, stored);
        const code = await readBlob(sql, current.hash);
        const whole = code !== undefined && digest(code) === current.hash;
        if (!whole) throw new AppError("INTEGRITY_VIOLATION", "Code is not as it was written");
        return [describeDeployment(row), current.version, current.settings, current.hash];
      }));
    });
  }
  const schedules = new RowSetStore(SCHEDULES_SET, { ring, watch });
  for (const name of ["cleanup", "removed"]) {
    await probe(`schedule ${name}`, async () =>
      (await schedules.read(sql, async () => {
        const [row] = await sql`select * from functions.job_schedules where name = ${name}`;
        return row && verifySchedule(ring, row);
      }))?.schedule ?? none());
  }
  await probe("jobs", async () => {
    const rows = await sql`select * from functions.jobs order by id`;
    return rows.map((row) => verifyOrder(ring, orderOf(row)));
  });
  const settings = new SettingsResolver(new StoredSettingSource(sql), ring);
  for (const userId of [null, USER]) {
    await probe(`settings of ${userId ?? "the system"}`, async () => {
      const { values } = await settings.resolve(userId);
      if (values.size === 0) none();
      return [...values].map(([name, value]) => [name, value.reveal()]);
    });
  }
  await probe(
    "remembered answer",
    async () => await new Idempotency(ring).recall(sql, REPEATED, new Date()) ?? none(),
  );
  return found;
}

/** What isn't there is as good as refused: nothing is served. */
function none(): never {
  throw new AppError("NOT_FOUND", "Nothing");
}

/** How an error stands in what is served. */
export function refused(code: string): string {
  return `refused ${code}`;
}

function digest(code: Uint8Array): string {
  return createHash("sha256").update(code).digest("hex");
}

async function deploy(world: World, names: readonly string[], code: string): Promise<void> {
  const { ring, database: { sql }, deployments: set } = world;
  const hash = digest(new TextEncoder().encode(code));
  const now = new Date();
  const signer = { ring, kind: "function" as const, by: admin.id, actor: actorOf(admin), now };
  await changeDeployments({ sql, set }, "function", (live) => {
    const wanted = names.map((name) => ({
      namespace: null,
      name,
      hash,
      settings: "{}",
      restored: null,
    }));
    const { changes } = planDeployment(live, wanted, () => true, signer);
    return Promise.resolve({ changes, blobs: [{ hash, code, createdAt: now }], result: undefined });
  });
}

async function schedule(world: World, name: string, cron: string): Promise<void> {
  const { ring, database: { sql }, schedules } = world;
  const at = new Date(1_700_000_000_000);
  const written: Schedule = {
    name,
    namespace: null,
    cron,
    timezone: "UTC",
    payload: "{}",
    principal: admin.id,
    createdAt: at,
    updatedAt: at,
  };
  const mac = ring.mac("row", scheduleMessage(written));
  await schedules.transact(sql, async (tx, change) => {
    const [before] = await tx<{ mac: Uint8Array }>`
      select mac from functions.job_schedules where name = ${name}`;
    await tx`delete from functions.job_schedules where name = ${name}`;
    await tx`insert into functions.job_schedules
        (name, namespace, cron, timezone, payload, principal, created_at, updated_at, mac)
      values (${name}, null, ${cron}, 'UTC', '{}', ${admin.id}, ${at}, ${at}, ${mac})`;
    const entry = { action: "schedule.update", actor: actorOf(admin), name };
    await change([{ before, after: { mac } }], entry);
  });
}

async function unschedule({ database: { sql }, schedules }: World, name: string): Promise<void> {
  await schedules.transact(sql, async (tx, change) => {
    const rows = await tx<{ mac: Uint8Array }>`
      delete from functions.job_schedules where name = ${name} returning mac`;
    const entry = { action: "schedule.delete", actor: actorOf(admin), name };
    await change(rows.map(({ mac }) => ({ before: { mac } })), entry);
  });
}

async function submit({ ring, database: { sql } }: World): Promise<void> {
  await insertOrder(
    sql,
    signOrder(ring, {
      id: crypto.randomUUID(),
      name: "mail",
      namespace: ref("A", "prod").namespace,
      payload: "{}",
      priority: 0,
      principal: admin.id,
      requestId: "r",
      createdAt: new Date(),
      scheduledAt: null,
      retries: 3,
      retryDelayS: 1,
      retryOf: null,
      userId: null,
    }),
  );
}

async function remember({ ring, database: { sql } }: World): Promise<void> {
  const answer = new Idempotency(ring).remember(REPEATED, { status: 200, text: "{}" }, new Date());
  await sql`insert into functions.idempotency_keys
      (principal, key, fingerprint, status, body, created_at)
    values (${answer.principal}, ${answer.key}, ${answer.fingerprint}, ${answer.status},
      ${JSON.stringify(answer.body)}::text::jsonb, ${answer.createdAt})`;
}
