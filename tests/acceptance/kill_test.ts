import { assert, assertEquals } from "@std/assert";
import { ServerProcess } from "../support/server.ts";
import { type Site, testOnSites } from "../support/site.ts";

const ROUNDS = 20;
const WRITERS = 4;
/** Writes of one round that are acknowledged before the server is killed. */
const ENOUGH = 24;
const BASE = "/api/v1/admin/secrets";

/** A write that the server acknowledged. */
interface Acknowledged {
  readonly version: number;
  readonly value: string;
  readonly description: string;
  readonly updatedAt: string;
}

/** A write on its way: its answer may be lost together with the server. */
interface Sent {
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly json: { readonly name: string; readonly value: string; readonly description: string };
}

/** What the writers know of all rounds. */
interface Ledger {
  /** The newest acknowledged write of each secret. */
  readonly last: Map<string, Acknowledged>;
  /** Writes whose answer never came; one writer has one at most. */
  lost: Sent[];
  count: number;
}

const SHOW = `export default () => Response.json(Deno.env.toObject())`;

testOnSites(`kill -9 amid writes, ${ROUNDS} times, loses nothing acknowledged`, async (site) => {
  await site.write("show.ts", SHOW);
  const ledger: Ledger = { last: new Map(), lost: [], count: 0 };
  for (let round = 1; round <= ROUNDS; round++) await writeAndKill(site, ledger, round);
  const server = await ServerProcess.start(site);
  try {
    await checkAll(server, ledger);
  } finally {
    await server.end();
  }
});

async function writeAndKill(site: Site, ledger: Ledger, round: number): Promise<void> {
  const server = await ServerProcess.start(site);
  try {
    await checkAll(server, ledger);
    const until = ledger.count + ENOUGH;
    const enough = Promise.withResolvers<void>();
    const acknowledged = () => {
      if (++ledger.count >= until) enough.resolve();
    };
    const writers = Array.from(
      { length: WRITERS },
      (_, writer) => write(server, ledger, { round, writer, acknowledged }),
    );
    await Promise.race([enough.promise, Promise.all(writers)]);
    await server.end("SIGKILL");
    await Promise.all(writers);
    assertEquals(ledger.lost.length, WRITERS, "every writer was amid a write");
  } finally {
    await server.end("SIGKILL");
  }
}

/** Where a writer is. */
interface Writer {
  readonly round: number;
  readonly writer: number;
  acknowledged(): void;
}

/** Writes until the server is gone: an old secret, a new one, an old one… */
async function write(server: ServerProcess, ledger: Ledger, at: Writer): Promise<void> {
  for (let turn = 0;; turn++) {
    const sent = next(at, turn, ledger);
    try {
      const { status, text } = await send(server, sent);
      assert(status === 200 || status === 201, `${status} ${text}`);
      note(ledger, sent, text);
      at.acknowledged();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      ledger.lost.push(sent);
      return;
    }
  }
}

function next({ round, writer }: Writer, turn: number, ledger: Ledger): Sent {
  // Two writers share a secret for some rounds, so that versions are also won in a race.
  const name = turn % 2 === 0
    ? `SHARED_${writer >> 1}_${round >> 2}`
    : `NEW_${round}_${writer}_${turn}`;
  const known = ledger.last.has(name) || (turn > 0 && turn % 2 === 0);
  const value = `value ${round}/${writer}/${turn}`;
  const json = { name, value, description: `of ${value}` };
  const key = `${round}-${writer}-${turn}`;
  return known
    ? { key, method: "PUT", path: `${BASE}/${name}`, json }
    : { key, method: "POST", path: BASE, json };
}

async function send(server: ServerProcess, { key, method, path, json }: Sent) {
  const told = await server.ask(method, path, { json, headers: { "idempotency-key": key } });
  if (told.status !== 409) return told;
  // The writer beside this one was first to create the secret that both share.
  return server.ask("PUT", `${BASE}/${json.name}`, { json });
}

function note({ last }: Ledger, { json }: Sent, text: string): void {
  const { name, version, updated_at } = JSON.parse(text);
  const known = last.get(name);
  if (known !== undefined && known.version >= version) return;
  const { value, description } = json;
  last.set(name, { version, value, description, updatedAt: updated_at });
}

/** Compares the server's state with what was acknowledged, and settles what was lost. */
async function checkAll(server: ServerProcess, ledger: Ledger): Promise<void> {
  const { lost } = ledger;
  ledger.lost = [];
  const listed: Listed[] = JSON.parse((await server.ask("GET", BASE)).text);
  const secrets = new Map(listed.map((secret) => [secret.name, secret]));
  const shown = JSON.parse((await server.call("show")).text);
  for (const [name, acknowledged] of ledger.last) {
    const secret = secrets.get(name);
    assert(secret !== undefined, `${name} is gone`);
    checkOne(secret, acknowledged, { lost, value: shown[`FLUXBASE_SECRET_${name}`] });
  }
  await Promise.all([...secrets.values()].map((secret) => checkHistory(server, secret)));
  for (const sent of lost) await repeat(server, ledger, sent, secrets.get(sent.json.name));
}

interface Listed {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly updated_at: string;
}

/** Behind the acknowledged write there may be ones whose answer was lost, each whole. */
function checkOne(
  secret: Listed,
  known: Acknowledged,
  { lost, value }: { readonly lost: readonly Sent[]; readonly value: string },
): void {
  const extra = lost.filter(({ json }) => json.name === secret.name);
  const ahead = secret.version - known.version;
  assert(ahead >= 0 && ahead <= extra.length, `${secret.name} is ${ahead} versions ahead`);
  if (ahead === 0) {
    assertEquals([value, secret.description], [known.value, known.description]);
    assertEquals(secret.updated_at, known.updatedAt);
  } else {
    assert(extra.some(({ json }) => json.value === value), `${secret.name} holds what nobody set`);
    assertEquals(secret.description, `of ${value}`);
  }
}

async function checkHistory(server: ServerProcess, { name, version }: Listed): Promise<void> {
  const { text } = await server.ask("GET", `${BASE}/${name}/history`);
  const versions = JSON.parse(text).map((entry: { version: number }) => entry.version);
  assertEquals(versions, Array.from({ length: version }, (_, i) => version - i), name);
}

/** Sends a lost write again under its key: it is done once, whether it was done before or not. */
async function repeat(
  server: ServerProcess,
  ledger: Ledger,
  sent: Sent,
  before: Listed | undefined,
): Promise<void> {
  const { status, text, headers } = await send(server, sent);
  assert(status === 200 || status === 201, `${status} ${text}`);
  const replayed = headers.get("idempotency-replayed") === "true";
  if (replayed) assert(JSON.parse(text).version <= (before?.version ?? 0), "replayed, not stored");
  note(ledger, sent, text);
}
