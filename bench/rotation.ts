/**
 * 100,000 versions are sealed again under new keys: how fast, and what warm calls notice of it.
 *
 * @module
 */
import { generateRootKey, parseRootKeys } from "../lib/crypto/root_key.ts";
import { Plaintext } from "../lib/crypto/plaintext.ts";
import { RingKeeper } from "../lib/keyring/ring_keeper.ts";
import { localRoot } from "../lib/keyring/root.ts";
import {
  signSecretRow,
  signVersionRow,
  valueAssociatedData,
} from "../lib/resolve/associated_data.ts";
import { HeadWatch } from "../lib/resolve/head_watch.ts";
import type { SecretRow, VersionRow } from "../lib/resolve/records.ts";
import { openEmbedded } from "../lib/store/embedded.ts";
import { openPostgres } from "../lib/store/postgres.ts";
import type { Database } from "../lib/store/sql.ts";
import { createChange } from "../lib/vault/changes.ts";
import { ensureHeads } from "../lib/vault/adopt.ts";
import { HeadKeeper } from "../lib/vault/head_keeper.ts";
import { ServerProcess } from "../tests/support/server.ts";
import { type Kind, KINDS, type Site, withSite } from "../tests/support/site.ts";
import { until } from "../tests/support/until.ts";
import { ref } from "../tests/support/world.ts";
import { alone, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";

const SECRETS = 1_000;
const VERSIONS = 100;
const QUICK_VERSIONS = 3;
const PLACES = 20;
const VALUE_BYTES = 64;
const CLIENTS = 8;
/** Between an answer and a client's next call, so that calls wait for the server and not in line, ms. */
const PAUSE_MS = 5;
const BASELINE_MS = 15_000;
const QUICK_BASELINE_MS = 2_000;
const FUNCTION = `export default () => new Response(secrets.get("SECRET_0"));`;

/** Measures both databases. */
export async function run({ quick }: BenchOptions): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const kind of KINDS) {
    await withSite(kind, async (site) => {
      measures.push(...await measure(site, quick));
    });
  }
  return measures;
}

async function measure(site: Site, quick: boolean): Promise<Measure[]> {
  const { text } = generateRootKey();
  const versions = quick ? QUICK_VERSIONS : VERSIONS;
  await fill(site, text, versions);
  await site.write("show.ts", FUNCTION);
  const server = await ServerProcess.start(site, { env: { FLUXBASE_ENCRYPTION_KEY: text } });
  try {
    const baselineMs = quick ? QUICK_BASELINE_MS : BASELINE_MS;
    const wait = () => new Promise<void>((resolve) => setTimeout(resolve, baselineMs));
    await callWhile(server, wait);
    const before = await callWhile(server, wait);
    let tookMs = 0;
    const meanwhile = await callWhile(server, async () => tookMs = await rotate(server));
    const after = await callWhile(server, wait);
    return figures(site.kind, { before, meanwhile, after, tookMs, rows: SECRETS * versions });
  } finally {
    await server.end();
  }
}

interface Found {
  readonly before: readonly number[];
  readonly meanwhile: readonly number[];
  readonly after: readonly number[];
  readonly tookMs: number;
  readonly rows: number;
}

function figures(kind: Kind, { before, meanwhile, after, tookMs, rows }: Found): Measure[] {
  const without = [...before, ...after];
  const p = (share: number) =>
    beside(
      `p${share * 100} of a call meanwhile, ${kind}`,
      "ms",
      [quantile(meanwhile, share)],
      ["without", [quantile(without, share)]],
    );
  return [
    alone(`${rows.toLocaleString("en")} versions anew, ${kind}`, "/s", rows / tookMs * 1_000),
    alone(`failed of ${meanwhile.length} calls, ${kind}`, "", failures, atMost(0)),
    p(0.5),
    p(0.99),
  ];
}

/** Calls that failed since the process began; there must be none. */
let failures = 0;

/** Calls the function from several clients until `work` has ended; returns how long calls took, ms. */
async function callWhile(server: ServerProcess, work: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  let over = false;
  const client = async () => {
    while (!over) {
      const begun = performance.now();
      const { status } = await server.call("show");
      took.push(performance.now() - begun);
      if (status !== 200) failures++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  await work().finally(() => over = true);
  await Promise.all(clients);
  return took;
}

/** Makes new keys and waits until nothing is under the old ones; returns how long that took, ms. */
async function rotate(server: ServerProcess): Promise<number> {
  const begun = performance.now();
  await server.ask("POST", "/api/v1/admin/keyring/rotate", { json: {} });
  // What it logs at the end: counting would be work of its own.
  await until("everything is anew", () => /key ring.*renewed/.test(server.err));
  return performance.now() - begun;
}

/** Fills a database as the vault would, only faster. */
async function fill(site: Site, rootKey: string, versions: number): Promise<void> {
  const database = site.databaseUrl === null
    ? await openEmbedded(`${site.dataDir}/database`)
    : await openPostgres(site.databaseUrl);
  try {
    const roots = parseRootKeys(rootKey).map(localRoot);
    const provider = { from: "bench", read: () => Promise.resolve(roots) };
    const { ring } = await RingKeeper.open({ sql: database.sql, provider });
    await ensureHeads(database.sql, ring);
    const keeper = new HeadKeeper({ sql: database.sql, ring, watch: new HeadWatch() });
    const context = { ring, now: new Date(), by: "bench", keepVersions: null };
    for (let place = 0; place < PLACES; place++) {
      const namespace = place === 0 ? undefined : `place-${place}`;
      const changes = Array.from({ length: SECRETS / PLACES }, (_, i) => {
        const value = Plaintext.fromText("v".repeat(VALUE_BYTES));
        const change = createChange(context, ref(`SECRET_${i}`, namespace), { value });
        const { mac: _old, ...row } = change.after;
        const after: SecretRow = signSecretRow(ring, { ...row, version: versions });
        const sealed = (version: number): VersionRow => {
          const envelope = ring.seal(value, valueAssociatedData(after, version));
          const { mac: _mac, ...first } = change.version!;
          return signVersionRow(ring, { ...first, id: crypto.randomUUID(), version, envelope });
        };
        return { change: { before: undefined, after, version: sealed(versions) }, sealed };
      });
      const where = changes[0]!.change.after.namespace;
      await keeper.transact([where], ({ put }) => put(where, changes.map((each) => each.change)));
      for (const { sealed } of changes) {
        await insert(database, Array.from({ length: versions - 1 }, (_, i) => sealed(i + 1)));
      }
    }
  } finally {
    await database.close();
  }
}

async function insert({ sql }: Database, rows: readonly VersionRow[]): Promise<void> {
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

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? NaN;
}
