/**
 * Everything that a backup holds, read from one moment of the database, each row checked.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { verifyServiceKeyRow } from "../auth/service_key_rows.ts";
import { verifyDeploymentRow } from "../deploy/rows.ts";
import { SCHEDULES_SET, verifySchedule } from "../jobs/schedules.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { describePlace, moveRows, NO_ROWS, openHead, type PlaceRows } from "../resolve/head.ts";
import type { Namespace } from "../resolve/ref.ts";
import { scanCode, scanSchedules, scanTable, scanVersions } from "../store/backup_rows.ts";
import { type DeploymentRow, storedDeployment } from "../store/deployment_rows.ts";
import { DEPLOYMENTS_SET, listCodeVersions } from "../store/deployments.ts";
import { findHead, listHeads } from "../store/heads.ts";
import { findBrokenHistories } from "../store/history_scan.ts";
import type { RowSetSpec } from "../store/row_sets.ts";
import { scanSecrets } from "../store/secret_scan.ts";
import { SERVICE_KEYS_SET, serviceKeyRow } from "../store/service_keys.ts";
import { settingRow } from "../store/settings.ts";
import type { Sql } from "../store/sql.ts";
import {
  codeVersionRecord,
  deploymentRecord,
  scheduleRecord,
  secretRecord,
  serviceKeyRecord,
  settingRecord,
  versionRecord,
} from "./opened_rows.ts";
import type { BackupRecord } from "./records.ts";

/**
 * Reads everything.
 *
 * @param tx A transaction that holds one moment.
 * @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE: a backup of what was tampered with
 * would make it good.
 */
export async function* exportRecords(
  tx: Sql,
  ring: KeyRing,
): AsyncGenerator<readonly BackupRecord[]> {
  yield* secrets(tx, ring);
  yield* settings(tx, ring);
  yield* serviceKeys(tx, ring);
  yield* code(tx, ring);
  yield* schedules(tx, ring);
}

async function* secrets(tx: Sql, ring: KeyRing): AsyncGenerator<readonly BackupRecord[]> {
  const places = new Map<Namespace | null, PlaceRows>();
  const [broken] = await findBrokenHistories(tx);
  if (broken !== undefined) {
    throw tampered(`The history of a secret in ${describePlace(broken.namespace)}`);
  }
  for await (const rows of scanSecrets(tx, 200)) {
    for (const row of rows) verifySecretRow(ring, row);
    for (const [place, group] of Map.groupBy(rows, ({ namespace }) => namespace)) {
      const moves = group.map((after) => ({ after }));
      places.set(place, moveRows(ring, places.get(place) ?? NO_ROWS, moves));
    }
    yield rows.map(secretRecord);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for await (const versions of scanVersions(tx, [...byId.keys()])) {
      yield versions.map((version) => versionRecord(ring, byId.get(version.secretId)!, version));
    }
  }
  await checkPlacesOf(tx, ring, places);
}

/** What was removed, or put back from an old copy, only the heads tell. */
async function checkPlacesOf(
  tx: Sql,
  ring: KeyRing,
  places: ReadonlyMap<Namespace | null, PlaceRows>,
): Promise<void> {
  const found = new Set<unknown>();
  for (const head of await listHeads(tx)) {
    if (head.place?.startsWith("@")) continue;
    found.add(head.place);
    const rows = places.get(head.place as Namespace | null) ?? NO_ROWS;
    if (!isWhole(openHead(ring, head), rows)) {
      throw tampered(`What is stored in ${describePlace(head.place)}`);
    }
  }
  for (const place of places.keys()) {
    if (!found.has(place)) throw tampered(`The head of ${describePlace(place)}`);
  }
}

function isWhole(wanted: PlaceRows, rows: PlaceRows): boolean {
  return wanted.live.equals(rows.live) && wanted.deleted.equals(rows.deleted);
}

async function* settings(tx: Sql, ring: KeyRing): AsyncGenerator<readonly BackupRecord[]> {
  for await (const rows of scanTable(tx, "app.settings")) {
    yield rows.map((raw) => settingRecord(ring, settingRow(raw)));
  }
}

/** Exchanged keys live for minutes and are left out. */
async function* serviceKeys(tx: Sql, ring: KeyRing): AsyncGenerator<readonly BackupRecord[]> {
  let set = NO_ROWS;
  for await (const rows of scanTable(tx, "functions.service_keys")) {
    const keys = rows.map((raw) => verifyServiceKeyRow(ring, serviceKeyRow(raw)));
    set = moveRows(ring, set, keys.map(({ mac }) => ({ after: { mac } })));
    yield keys.filter(({ kind }) => kind === "key").map(serviceKeyRecord);
  }
  await checkSet(tx, ring, SERVICE_KEYS_SET, set);
}

async function checkSet(
  tx: Sql,
  ring: KeyRing,
  { name }: RowSetSpec,
  rows: PlaceRows,
): Promise<void> {
  const head = await findHead(tx, name);
  if (head === undefined || !isWhole(openHead(ring, head), rows)) {
    throw tampered(`What is in ${describePlace(name)}`);
  }
}

async function* code(tx: Sql, ring: KeyRing): AsyncGenerator<readonly BackupRecord[]> {
  for await (const { hash, code, created_at } of scanCode(tx)) {
    if (createHash("sha256").update(code).digest("hex") !== hash) throw tampered("Deployed code");
    yield [{ kind: "code", data: { hash, code: new TextDecoder().decode(code), created_at } }];
  }
  let set = NO_ROWS;
  for await (const rows of scanTable(tx, "functions.deployments")) {
    for (const raw of rows) {
      const { row } = storedDeployment({ ...raw, v_hash: null });
      set = moveRows(ring, set, [{ after: verifyDeploymentRow(ring, row) }]);
      yield await deploymentRecords(tx, ring, row);
    }
  }
  await checkSet(tx, ring, DEPLOYMENTS_SET, set);
}

async function deploymentRecords(
  tx: Sql,
  ring: KeyRing,
  row: DeploymentRow,
): Promise<BackupRecord[]> {
  const versions = await listCodeVersions(tx, row.id);
  const whole = versions.length === row.version &&
    versions.every(({ version }, i) => version === row.version - i);
  if (!whole) throw tampered("The history of deployed code");
  return [deploymentRecord(row), ...versions.map((each) => codeVersionRecord(ring, row, each))];
}

async function* schedules(tx: Sql, ring: KeyRing): AsyncGenerator<readonly BackupRecord[]> {
  let set = NO_ROWS;
  for await (const rows of scanSchedules(tx)) {
    const checked = rows.map((row) => verifySchedule(ring, row));
    set = moveRows(ring, set, checked.map(({ mac }) => ({ after: { mac } })));
    yield checked.map(({ schedule }) => scheduleRecord(schedule));
  }
  await checkSet(tx, ring, SCHEDULES_SET, set);
}

function tampered(what: string): AppError {
  return new AppError("INTEGRITY_VIOLATION", `${what} is not as it was written`);
}
