/**
 * Resolving 10, 100 and 1,000 secrets, held and not held, beside the query that reads them.
 *
 * @module
 */
import { databases, type TestDatabase } from "../tests/support/databases.ts";
import { admin, joinWorld, ref } from "../tests/support/world.ts";
import { Plaintext } from "../lib/crypto/plaintext.ts";
import { type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { takeTurns, timed } from "./support/rounds.ts";

const COUNTS = [10, 100, 1_000];
const QUERY = `select s.*, v.id as v_id, v.version as v_version, v.envelope as v_envelope,
    v.created_at as v_created_at, v.created_by as v_created_by, v.mac as v_mac
  from functions.secrets s
  join functions.secret_versions v on v.secret_id = s.id and v.version = s.version
  where s.deleted_at is null and s.namespace is null`;
/** Secrets that are read for one figure. */
const READ = 5_000;
const MOST_TIMES = 50;
/** A held injection takes so little that many look-ups make one figure. */
const WARM_TIMES = 100_000;

/** Measures both databases. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const kind of databases) {
    for (const secrets of COUNTS) measures.push(...await measure(kind, secrets, options));
  }
  return measures;
}

async function measure(
  kind: TestDatabase,
  secrets: number,
  { quick, scope }: BenchOptions,
): Promise<Measure[]> {
  const database = await kind.open();
  scope.defer(() => database.close());
  const { resolver, vault } = await joinWorld(database);
  const names = Array.from({ length: secrets }, (_, i) => i);
  await vault.bulk.write(
    admin,
    names.map((i) => ({ ref: ref(`BENCH_${i}`), patch: { value: valueOf(i) } })),
  );
  // What a database does by itself after a while.
  await database.sql.script("analyze functions.secrets, functions.secret_versions");
  await resolver.resolve(null);
  const times = Math.min(READ / secrets, MOST_TIMES);
  const { warm, cold, query } = await takeTurns(quick ? 3 : 9, {
    warm: () =>
      micros(WARM_TIMES, () => {
        for (let i = 0; i < WARM_TIMES; i++) resolver.cached(null);
        return Promise.resolve();
      }),
    cold: () =>
      micros(times, async () => {
        for (let i = 0; i < times; i++) {
          resolver.invalidate(null);
          await resolver.resolve(null);
        }
      }),
    query: () =>
      micros(times, async () => {
        for (let i = 0; i < times; i++) await database.sql.query(QUERY);
      }),
  });
  const what = secrets.toLocaleString("en");
  return [
    beside(`${what} held, ${kind.name}`, "µs", warm, ["bare query", query]),
    beside(`${what} read and opened, ${kind.name}`, "µs", cold, ["bare query", query]),
  ];
}

/** The time of one of `times` repetitions, in µs. */
async function micros(times: number, work: () => Promise<void>): Promise<number> {
  return await timed(work) * 1_000 / times;
}

function valueOf(index: number): Plaintext {
  return Plaintext.fromText(`sk_live_${index}`.padEnd(40, "x"));
}
