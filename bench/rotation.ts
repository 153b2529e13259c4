/**
 * 100,000 versions are sealed again under new keys: how fast, and what warm calls notice of it.
 *
 * @module
 */
import { generateRootKey, parseRootKeys } from "../lib/crypto/root_key.ts";
import { RingKeeper } from "../lib/keyring/ring_keeper.ts";
import { localRoot } from "../lib/keyring/root.ts";
import { openEmbedded } from "../lib/store/embedded.ts";
import { openPostgres } from "../lib/store/postgres.ts";
import { ensureAudit } from "../lib/store/audit_stream.ts";
import { ensureHeads } from "../lib/vault/adopt.ts";
import { ServerProcess } from "../tests/support/server.ts";
import { type Kind, KINDS, type Site, withSite } from "../tests/support/site.ts";
import { until } from "../tests/support/until.ts";
import { fill } from "./support/fill.ts";
import { alone, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { pause } from "./support/pause.ts";

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
/** How long rotating may take, ms. */
const PATIENCE_MS = 20 * 60_000;
const FUNCTION = `export default () => new Response(secrets.get("SECRET_00"));`;

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
  await fillSite(site, text, versions);
  await site.write("show.ts", FUNCTION);
  const server = await ServerProcess.start(site, { env: { FLUXBASE_ENCRYPTION_KEY: text } });
  try {
    const baselineMs = quick ? QUICK_BASELINE_MS : BASELINE_MS;
    const wait = () => pause(baselineMs);
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
      await pause(PAUSE_MS);
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
  const isDone = () => /key ring.*renewed/.test(server.err);
  await until("everything is anew", isDone, PATIENCE_MS);
  return performance.now() - begun;
}

/** Fills the site's database before a server is started on it. */
async function fillSite(site: Site, rootKey: string, versions: number): Promise<void> {
  const database = site.databaseUrl === null
    ? await openEmbedded(`${site.dataDir}/database`)
    : await openPostgres(site.databaseUrl);
  try {
    const roots = parseRootKeys(rootKey).map(localRoot);
    const provider = { from: "bench", read: () => Promise.resolve(roots) };
    const { ring } = await RingKeeper.open({ sql: database.sql, provider });
    await ensureHeads(database.sql, ring);
    await ensureAudit(database.sql, ring);
    const secretsEach = SECRETS / PLACES;
    const filling = { places: PLACES, secretsEach, versions, valueBytes: VALUE_BYTES };
    await fill(database.sql, ring, filling);
  } finally {
    await database.close();
  }
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? NaN;
}
