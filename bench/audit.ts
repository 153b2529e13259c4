/**
 * What the audit costs: a set of a secret beside the same statement that stores no record, and a
 * note of an access, which nobody waits for.
 *
 * @module
 */
import { AccessLog } from "../lib/audit/access_log.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { Plaintext } from "../lib/crypto/plaintext.ts";
import type { Sql, SqlValue } from "../lib/store/sql.ts";
import { HeadWatch } from "../lib/resolve/head_watch.ts";
import { AuditStream } from "../lib/store/audit_stream.ts";
import { Vault } from "../lib/vault/vault.ts";
import { databases, type TestDatabase } from "../tests/support/databases.ts";
import { admin, joinWorld, ref } from "../tests/support/world.ts";
import { alone, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { median, takeTurns, timed } from "./support/rounds.ts";

/** Measures both databases. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  const sets: Measure[] = [];
  for (const kind of databases) sets.push(await set(kind, options));
  return [...sets, await note(options)];
}

/** Two vaults over one database, each with a secret in a namespace of its own. */
async function set(kind: TestDatabase, { quick, scope }: BenchOptions): Promise<Measure> {
  const database = await kind.open();
  scope.defer(() => database.close());
  const { ring, resolver } = await joinWorld(database);
  const writer = async (sql: Sql, namespace: string) => {
    const vault = new Vault({ sql, ring, resolver });
    const place = ref("KEY", namespace);
    const value = Plaintext.fromText("v".repeat(64));
    await vault.create(admin, place, { value });
    const sets = quick ? 50 : 300;
    return async () => {
      const ms = await timed(async () => {
        for (let i = 0; i < sets; i++) await vault.update(admin, place, { value });
      });
      return ms * 1_000 / sets;
    };
  };
  const found = await takeTurns(quick ? 3 : 11, {
    on: await writer(database.sql, "on"),
    off: await writer(withoutRecords(database.sql), "off"),
  });
  const left = await database.sql`select 1 as one from app.audit where stream = 'off'`;
  if (left.length > 0) throw new Error("What was to store no record has stored one");
  const what = `set with its record, ${kind.name}`;
  return beside(what, "µs", found.on, ["no record stored", found.off], atMost(1.2));
}

const INSERT = /recorded as \(insert into app\.audit \([^)]*\) (select .* from head)\)/;

/** The same statements, but for the insert: the record is made and sent, and then left. */
function withoutRecords(sql: Sql): Sql {
  const same = (parts: TemplateStringsArray, ...values: SqlValue[]) => sql(parts, ...values);
  return Object.assign(same, {
    query: (text: string, values?: readonly SqlValue[]) =>
      sql.query(text.replace(INSERT, "recorded as ($1)"), values),
    transaction: <T>(work: (tx: Sql) => Promise<T>) => sql.transaction(work),
    script: (text: string) => sql.script(text),
  }) as Sql;
}

/** What the one who notes an access waits. */
async function note({ quick, scope }: BenchOptions): Promise<Measure> {
  const database = await databases[0]!.open();
  scope.defer(() => database.close());
  const { ring } = await joinWorld(database);
  const store = new AuditStream({ sql: database.sql, ring, watch: new HeadWatch() });
  const log = new AccessLog({ store, onTrouble: () => {} });
  scope.defer(() => log.close());
  const notes = 5_000;
  const figures: number[] = [];
  for (let round = -1; round < (quick ? 3 : 11); round++) {
    const ms = await timed(() => {
      for (let i = 0; i < notes; i++) {
        log.note({ action: "secret.read", actor: SYSTEM, namespace: "prod", name: "KEY" });
      }
      return Promise.resolve();
    });
    await log.flush();
    if (round >= 0) figures.push(ms * 1_000 / notes);
  }
  return alone("cost of noting an access", "µs", median(figures), atMost(5));
}
