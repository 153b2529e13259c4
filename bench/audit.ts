/**
 * What the audit costs: a set of a secret beside the same statement that stores no record, and a
 * note of an access, which nobody waits for.
 *
 * @module
 */
import { AccessLog } from "../lib/audit/access_log.ts";
import { SYSTEM } from "../lib/audit/actor.ts";
import { AccessNotes } from "../lib/audit/access_notes.ts";
import { Authentication } from "../lib/auth/authentication.ts";
import { DEFAULT_LIMITS, Limits } from "../lib/auth/limits.ts";
import { Hono } from "hono";
import type { Auth } from "../lib/http/auth.ts";
import { withCallsFirst } from "../lib/http/call_app.ts";
import type { AppEnv } from "../lib/http/env.ts";
import type { FunctionRunner } from "../lib/http/invoke.ts";
import { createLog } from "../lib/log.ts";
import type { ExecutionSink } from "../lib/runtime/execution.ts";
import { Recorder } from "../lib/runtime/recorder.ts";
import { ExecutionStore } from "../lib/store/executions.ts";
import { withRunner } from "../tests/support/runner.ts";
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
  return [...sets, await note(options), await call(options)];
}

/** Calls under way at once. */
const CALLERS = 16;

/** A warm call with its key checked and its reads recorded, beside one with neither. */
async function call({ quick, scope }: BenchOptions): Promise<Measure> {
  const database = await databases[1]!.open();
  scope.defer(() => database.close());
  const { ring, auth: keys, keys: serviceKeys } = await joinWorld(database);
  const { text } = await serviceKeys.issue(admin, { name: "bench", grants: admin.grants });
  const store = new AuditStream({ sql: database.sql, ring, watch: new HeadWatch() });
  const log = new AccessLog({ store, onTrouble: () => {} });
  const notes = new AccessNotes(log);
  const recorder = new Recorder(new ExecutionStore(database.sql), { access: notes });
  const auth = new Authentication({ keys, tokens: null, limits: new Limits(DEFAULT_LIMITS) });
  await auth.authenticate(text);
  const nobody: ExecutionSink = { given() {}, finished() {}, line() {} };
  const trusting: Auth = { cached: () => admin, authenticate: () => Promise.resolve(admin) };
  const options = { code: { hello: HELLO }, secrets: { GREETING: "v".repeat(40) } };
  let measure: Measure | undefined;
  await withRunner(
    { ...options, sink: recorder },
    (recorded) =>
      withRunner({ ...options, sink: nobody }, async (plain) => {
        const found = await takeTurns(quick ? 5 : 15, {
          on: caller({ auth, runner: recorded.runner }, text, quick ? 2_000 : 10_000),
          off: caller({ auth: trusting, runner: plain.runner }, text, quick ? 2_000 : 10_000),
        });
        const beside16 = ["both off", found.off] as const;
        measure = beside("call with auth and record", "µs", found.on, beside16, atMost(1.1));
      }),
  );
  await recorder.flush();
  notes.close();
  await log.close();
  const [kept] = await database.sql`select sum(count) as reads from app.audit
    where action = 'secret.read'`;
  if (!(Number(kept?.["reads"]) > 0)) throw new Error("What was to be recorded was not");
  return measure!;
}

const HELLO = `export default () => new Response("Hello, " + secrets.get("GREETING"))`;

/** Makes calls, so many at once, and says what each took on average, µs. */
function caller(
  { auth, runner }: { auth: Auth; runner: FunctionRunner },
  key: string,
  calls: number,
): () => Promise<number> {
  const log = createLog({ write: () => {} });
  const access = { isAnonymous: () => Promise.resolve(false) };
  const fetch = withCallsFirst(new Hono<AppEnv>(), { auth, runner, access, log });
  const url = "http://127.0.0.1/api/v1/functions/hello/invoke";
  const headers = { authorization: `Bearer ${key}` };
  return async () => {
    let left = calls;
    const loop = async () => {
      while (left-- > 0) {
        const answer = await fetch(new Request(url, { headers }), { address: "192.0.2.1" });
        if (answer.status !== 200) throw new Error(`Cannot call: ${await answer.text()}`);
        await answer.bytes();
      }
    };
    const ms = await timed(async () =>
      void await Promise.all(Array.from({ length: CALLERS }, loop))
    );
    return ms * 1_000 / calls;
  };
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
