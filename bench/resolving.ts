/**
 * Resolving 50 secrets, held and not held, beside the query that reads them.
 *
 * @module
 */
import { databases, type TestDatabase } from "../tests/support/databases.ts";
import { admin, joinWorld, ref } from "../tests/support/world.ts";
import { Plaintext } from "../lib/crypto/plaintext.ts";
import { type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { takeTurns, timed } from "./support/rounds.ts";

const SECRETS = 50;
const QUERY = `select s.*, v.id as v_id, v.version as v_version, v.envelope as v_envelope,
    v.created_at as v_created_at, v.created_by as v_created_by, v.mac as v_mac
  from functions.secrets s
  join functions.secret_versions v on v.secret_id = s.id and v.version = s.version
  where s.deleted_at is null and s.namespace is null`;
const TIMES = 50;
/** A held injection takes so little that many look-ups make one figure. */
const WARM_TIMES = 100_000;

/** Measures both databases. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const kind of databases) measures.push(...await measure(kind, options));
  return measures;
}

async function measure(
  kind: TestDatabase,
  { quick, scope }: BenchOptions,
): Promise<Measure[]> {
  const database = await kind.open();
  scope.defer(() => database.close());
  const { resolver, vault } = await joinWorld(database);
  for (let i = 0; i < SECRETS; i++) {
    await vault.create(admin, ref(`BENCH_${i}`), { value: valueOf(i) });
  }
  const { warm, cold, query } = await takeTurns(quick ? 3 : 15, {
    warm: () =>
      micros(WARM_TIMES, () => {
        for (let i = 0; i < WARM_TIMES; i++) resolver.cached(null);
        return Promise.resolve();
      }),
    cold: () =>
      micros(TIMES, async () => {
        for (let i = 0; i < TIMES; i++) {
          resolver.invalidate(null);
          await resolver.resolve(null);
        }
      }),
    query: () =>
      micros(TIMES, async () => {
        for (let i = 0; i < TIMES; i++) await database.sql.query(QUERY);
      }),
  });
  return [
    beside(`held, ${kind.name}`, "µs", warm, ["bare query", query]),
    beside(`read and opened, ${kind.name}`, "µs", cold, ["bare query", query]),
  ];
}

/** The time of one of `times` repetitions, in µs. */
async function micros(times: number, work: () => Promise<void>): Promise<number> {
  return await timed(work) * 1_000 / times;
}

function valueOf(index: number): Plaintext {
  return Plaintext.fromText(`sk_live_${index}`.padEnd(40, "x"));
}
