/**
 * Databases filled as the vault would fill them, only faster: rows, histories, MACs and heads are
 * genuine.
 *
 * @module
 */
import { SYSTEM } from "../../lib/audit/actor.ts";
import type { KeyRing } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import {
  signSecretRow,
  signVersionRow,
  valueAssociatedData,
} from "../../lib/resolve/associated_data.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import type { VersionRow } from "../../lib/resolve/records.ts";
import type { SecretChange } from "../../lib/store/secret_change.ts";
import type { Sql } from "../../lib/store/sql.ts";
import { createChange } from "../../lib/vault/changes.ts";
import { HeadKeeper } from "../../lib/vault/head_keeper.ts";
import { ref } from "../../tests/support/world.ts";

/** What a database is filled with. */
export interface Filling {
  /** How many places: the global scope and `place-1`, `place-2` and so on. */
  readonly places: number;
  /** In each place; they are called `SECRET_0` and so on, with digits as many as the last one has. */
  readonly secretsEach: number;
  readonly versions: number;
  readonly valueBytes: number;
}

/** Places that are filled at once, so that this process and the database both have work. */
const AT_ONCE = 4;
/** Rows a statement. */
const ROWS = 5_000;

/** Fills a database whose heads are there. */
export async function fill(sql: Sql, ring: KeyRing, filling: Filling): Promise<void> {
  const keeper = new HeadKeeper({ sql, ring, watch: new HeadWatch() });
  let next = 0;
  const fillRest = async () => {
    while (next < filling.places) await fillPlace({ sql, ring, keeper }, next++, filling);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fillRest));
}

/** The name of the place with this number; the global scope has none. */
export function placeName(place: number): string | undefined {
  return place === 0 ? undefined : `place-${place}`;
}

interface Parts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly keeper: HeadKeeper;
}

async function fillPlace({ sql, ring, keeper }: Parts, place: number, filling: Filling) {
  const { secretsEach, versions, valueBytes } = filling;
  const value = Plaintext.fromText("v".repeat(valueBytes));
  const digits = String(secretsEach - 1).length;
  const all = Array.from({ length: secretsEach }, (_, i) => {
    const name = `SECRET_${String(i).padStart(digits, "0")}`;
    return histories(ring, { name, place, versions, value });
  });
  const where = all[0]!.change.after.namespace;
  const entry = { action: "secret.create", actor: SYSTEM, namespace: where };
  await keeper.transact(
    [where],
    ({ maintain }) => maintain(where, all.map(({ change }) => change), entry),
  );
  const older = all.flatMap((each) => each.older);
  for (let at = 0; at < older.length; at += ROWS) await insert(sql, older.slice(at, at + ROWS));
}

interface Kept {
  readonly name: string;
  readonly place: number;
  readonly versions: number;
  readonly value: Plaintext;
}

function histories(
  ring: KeyRing,
  { name, place, versions, value }: Kept,
): { change: SecretChange; older: VersionRow[] } {
  const context = { ring, now: new Date(), by: "bench", actor: SYSTEM, keepVersions: null };
  const change = createChange(context, ref(name, placeName(place)), { value });
  if (versions === 1) return { change, older: [] };
  const { mac: _mac, ...row } = change.after;
  const after = signSecretRow(ring, { ...row, version: versions });
  const sealed = (version: number): VersionRow => {
    const envelope = ring.seal(value, valueAssociatedData(after, version));
    const { mac: _old, ...first } = change.version!;
    return signVersionRow(ring, { ...first, id: crypto.randomUUID(), version, envelope });
  };
  const older = Array.from({ length: versions - 1 }, (_, i) => sealed(i + 1));
  return { change: { before: undefined, after, version: sealed(versions) }, older };
}

async function insert(sql: Sql, rows: readonly VersionRow[]): Promise<void> {
  const list = rows.map(({ envelope, mac, secretId, createdAt, createdBy, ...rest }) => ({
    ...rest,
    secret_id: secretId,
    created_at: createdAt,
    created_by: createdBy,
    envelope: `\\x${envelope.toHex()}`,
    mac: `\\x${mac.toHex()}`,
  }));
  await sql`insert into functions.secret_versions
      (id, secret_id, version, envelope, created_at, created_by, mac)
    select id, secret_id, version, envelope, created_at, created_by, mac
    from json_to_recordset(${JSON.stringify(list)}::text::json) as r(id uuid, secret_id uuid,
      version int, envelope bytea, created_at timestamptz, created_by text, mac bytea)`;
}
