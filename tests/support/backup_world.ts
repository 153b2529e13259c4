/**
 * A server's backups over a database, and a database filled for them.
 *
 * @module
 */
import { actorOf } from "../../lib/audit/actor.ts";
import { Backups } from "../../lib/backup/backups.ts";
import { type JobsOptions, type JobsRoom, startJobs } from "../../lib/jobs/start.ts";
import { signCodeVersion, signDeployment } from "../../lib/deploy/rows.ts";
import { digestOf } from "../../lib/runtime/code/digest.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { parseNamespace, parseSecretName } from "../../lib/resolve/ref.ts";
import { parseSettingKey, parseUserId } from "../../lib/resolve/setting_ref.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { SettingsVault } from "../../lib/settings/settings_vault.ts";
import { changeDeployments } from "../../lib/store/deployments.ts";
import { RowSetStore } from "../../lib/store/row_sets.ts";
import { SERVICE_KEYS_SET } from "../../lib/store/service_keys.ts";
import type { Database } from "../../lib/store/sql.ts";
import { admin, joinWorld, type World } from "./world.ts";

/** A world with backups, and what broke off. */
export interface BackupWorld extends World {
  readonly backups: Backups;
  readonly jobs: JobsRoom;
  readonly broken: unknown[];
}

/**
 * Joins the parts over a database, under a root key of its own.
 *
 * @param opened Its end ends the queue.
 * @param options Whether jobs are run, and by which clock; by default they aren't.
 */
export async function joinBackups(
  database: Database,
  opened: AsyncDisposableStack,
  options: Pick<JobsOptions, "worker" | "clock"> = {},
): Promise<BackupWorld> {
  const watch = new HeadWatch();
  const world = await joinWorld(database, { watch });
  const broken: unknown[] = [];
  const jobs = await startJobs({
    database,
    ring: world.ring,
    set: world.schedules,
    catalogue: { list: () => Promise.resolve({ functions: [{ name: "hello", namespace: null }] }) },
    onTrouble: (_what, error) => broken.push(error),
    ...options,
  });
  opened.defer(() => jobs.close(0));
  const backups = new Backups({
    sql: database.sql,
    ring: world.ring,
    watch,
    serviceKeys: new RowSetStore(SERVICE_KEYS_SET, { ring: world.ring, watch }),
    deployments: world.deployments,
    settings: world.settings,
    schedules: world.schedules,
    planner: jobs.schedules,
    onRestored: (places) => places.forEach((place) => world.resolver.invalidate(place)),
    onBroken: (error) => broken.push(error),
  });
  return { ...world, backups, jobs, broken };
}

/** The value of a version in {@linkcode fill}. */
export function valueOf(name: string, version: number): string {
  return `canary-${name}-${version}-é\n"'`;
}

/** Sets `count` secrets in three places, each to `versions` versions. */
export async function fillSecrets(
  { vault }: World,
  count: number,
  versions: number,
): Promise<void> {
  const places = [null, parseNamespace("production"), parseNamespace("staging")];
  const names = Array.from({ length: count }, (_, i) => i);
  for (let version = 1; version <= versions; version++) {
    for (let at = 0; at < count; at += 1_000) {
      const operations = names.slice(at, at + 1_000).map((i) => {
        const name = `SECRET_${i}`;
        return {
          ref: { namespace: places[i % places.length]!, name: parseSecretName(name) },
          patch: { value: Plaintext.fromText(valueOf(name, version)), description: `of ${i}` },
        };
      });
      await vault.bulk.write(admin, operations);
    }
  }
}

/** The schedules of {@linkcode fillSchedules}: of one name in two places. */
export const SCHEDULES = [
  { namespace: null, cron: "0 3 * * 1-5", timezone: "Europe/Berlin", payload: '{"a": "é\\n"}' },
  { namespace: "production", cron: "@hourly", timezone: "UTC", payload: "null" },
] as const;

/** Adds schedules. */
export async function fillSchedules({ jobs }: BackupWorld): Promise<void> {
  for (const { namespace, ...schedule } of SCHEDULES) {
    const place = { name: "hello", namespace: namespace && parseNamespace(namespace) };
    const by = { principal: admin.id, createdAt: new Date(), updatedAt: new Date() };
    await jobs.schedules.set({ ...place, ...schedule, ...by }, actorOf(admin));
  }
}

/** Adds settings, a service key, deployed code, schedules, and deletes a secret and a function. */
export async function fillRest(world: BackupWorld): Promise<void> {
  const { sql } = world.database;
  const { ring } = world;
  const settings = new SettingsVault({
    sql,
    ring,
    resolver: { invalidate: () => {}, doubt: () => {} },
  });
  const setting = { value: Plaintext.fromText("canary-setting"), description: "words" };
  const key = parseSettingKey("mail.password");
  await settings.create(admin, { userId: null, key }, setting);
  await settings.create(admin, { userId: parseUserId("user-1"), key }, setting);
  await world.systemKeys.ensureAdminKey(() => Promise.resolve());
  const gone = { namespace: null, name: parseSecretName("SECRET_0") };
  await world.vault.delete(admin, gone);
  await fillSchedules(world);
  await fillDeployments(world);
}

/** Adds a function that is deployed, and one that was and is deleted. */
async function fillDeployments({ database: { sql }, ring, deployments: set }: BackupWorld) {
  const code = "export default () => new Response('hello');";
  const hash = digestOf(code);
  const now = new Date();
  const by = { createdAt: now, createdBy: admin.id };
  const changes = (["hello", "gone"] as const).map((name) => {
    const id = crypto.randomUUID();
    const row = { id, kind: "function", namespace: null, name, version: 1, ...by } as const;
    const deletedAt = name === "gone" ? now : null;
    const version = { deploymentId: id, version: 1, hash, settings: "{}", restored: null, ...by };
    return {
      before: undefined,
      after: signDeployment(ring, { ...row, updatedAt: now, updatedBy: admin.id, deletedAt }),
      version: signCodeVersion(ring, version),
      entry: { action: "deploy.create", actor: actorOf(admin) },
    };
  });
  const blobs = [{ hash, code, createdAt: now }];
  await changeDeployments(
    { sql, set },
    "function",
    () => Promise.resolve({ changes, blobs, result: undefined }),
  );
}

/** Everything in a stream. */
export async function bytesOf(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
  );
}

/** A stream of bytes, in pieces that end anywhere. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 9_973) pieces.push(bytes.slice(at, at + 9_973));
  return ReadableStream.from(pieces);
}

/** Everything that a backup has brought, opened, as text that can be compared. */
export async function contentsOf({ database: { sql }, ring }: World): Promise<string[]> {
  const { exportRecords } = await import("../../lib/backup/export.ts");
  const lines: string[] = [];
  for await (const batch of exportRecords(sql, ring)) {
    for (const { kind, data } of batch) {
      if (kind !== "serviceKey") lines.push(JSON.stringify([kind, data]));
    }
  }
  return lines;
}
