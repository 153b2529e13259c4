/** What only the embedded database has to keep: its directory, and what it acknowledged. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { AppError } from "../../lib/errors.ts";
import { openEmbedded } from "../../lib/store/embedded.ts";
import { createEmbeddedDirectory } from "../support/databases.ts";

const PROGRAM = fileURLToPath(new URL("../support/embedded_process.ts", import.meta.url));
const KILLS = 4;

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const { directory, remove } = await createEmbeddedDirectory();
  try {
    await work(directory);
  } finally {
    await remove();
  }
}

/** Another process with the database open, and what it says, line by line. */
class Other {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(mode: "open" | "write", directory: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", PROGRAM, mode, directory],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line; `null` after the last. */
  async line(): Promise<string | null> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#rest += value;
    }
    const [first, ...others] = this.#rest.split("\n");
    this.#rest = others.join("\n");
    return first!;
  }

  async end(signal?: "SIGKILL"): Promise<void> {
    if (signal === undefined) await this.#child.stdin.close();
    else this.#child.kill(signal);
    await this.#child.status;
    if (signal !== undefined) await this.#child.stdin.close().catch(() => {});
  }

  /** Kills the process and returns the last number that it printed. */
  async killAndDrain(): Promise<number> {
    await this.end("SIGKILL");
    let last = 0;
    for (let line = await this.line(); line !== null; line = await this.line()) last = Number(line);
    return last;
  }
}

Deno.test("a directory that another process has open is refused by that process's number", () =>
  withDirectory(async (directory) => {
    const other = new Other("open", directory);
    assertEquals(await other.line(), "open");
    const error = await assertRejects(() => openEmbedded(directory), AppError);
    assertEquals(error.code, "DATA_DIR_IN_USE");
    assertEquals(
      error.message,
      `The data directory is in use by process ${other.pid}; stop it or set FLUXBASE_DATA_DIR`,
    );
    await other.end();
    const database = await openEmbedded(directory);
    await database.close();
  }));

Deno.test("a directory that this process has open refuses another process", () =>
  withDirectory(async (directory) => {
    const database = await openEmbedded(directory);
    const other = new Other("open", directory);
    assertEquals(
      await other.line(),
      `DATA_DIR_IN_USE The data directory is in use by process ${Deno.pid}; stop it or set FLUXBASE_DATA_DIR`,
    );
    await other.end();
    assertEquals(await database.sql`select 1 as one`, [{ one: 1 }]);
    await database.close();
  }));

Deno.test("a second opening in one process is refused", () =>
  withDirectory(async (directory) => {
    const database = await openEmbedded(directory);
    const error = await assertRejects(() => openEmbedded(directory), AppError);
    assertEquals(error.code, "STORE_UNAVAILABLE");
    await database.close();
  }));

Deno.test("whatever was acknowledged before kill -9 is there, whole, and the directory opens", () =>
  withDirectory(async (directory) => {
    let acknowledged = 0;
    for (let round = 1; round <= KILLS; round++) {
      const writer = new Other("write", directory);
      assertEquals(await writer.line(), "open");
      for (let lines = 0; lines < 20 * round; lines++) acknowledged = Number(await writer.line());
      acknowledged = Math.max(acknowledged, await writer.killAndDrain());
    }
    const database = await openEmbedded(directory);
    const [row] = await database.sql<{ n: number; largest: number; torn: number }>`
      select count(*) as n, max(n) as largest, count(*) filter (where n <> twin) as torn
      from written`;
    assertInstanceOf(row, Object);
    assert(
      row.largest >= acknowledged,
      `${acknowledged} was acknowledged, ${row.largest} is there`,
    );
    assertEquals([row.n, row.torn], [row.largest, 0]);
    await database.close();
  }));

Deno.test("each commit is synced to the disk before it is acknowledged", () =>
  withDirectory(async (directory) => {
    const database = await openEmbedded(directory);
    await database.sql.script("create table thing (id int)");
    const before = await database.syncs();
    for (let id = 0; id < 10; id++) await database.sql`insert into thing values (${id})`;
    assert(await database.syncs() - before >= 10);
    const settings = await database.sql`
      select current_setting('fsync') as fsync, current_setting('synchronous_commit') as wait,
             current_setting('wal_sync_method') as method`;
    assertEquals(settings, [{ fsync: "on", wait: "on", method: "fsync" }]);
    await database.close();
  }));

Deno.test("the directory and the lock are for their owner alone", () =>
  withDirectory(async (directory) => {
    await Deno.chmod(directory, 0o755);
    const database = await openEmbedded(directory);
    const modes = ["", "/lock"].map((path) => Deno.statSync(`${directory}${path}`).mode! & 0o777);
    assertEquals(modes, [0o700, 0o600]);
    await database.close();
  }));

Deno.test("the event loop is free while a statement runs", () =>
  withDirectory(async (directory) => {
    const database = await openEmbedded(directory);
    let ended = false;
    const slow = database.sql`select count(*) from generate_series(1, 3000000)`.then(() => {
      ended = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(ended, false);
    await slow;
    await database.close();
  }));

Deno.test("an engine that lost its files is replaced, and serves when they are back", () =>
  withDirectory(async (directory) => {
    const database = await openEmbedded(directory);
    await database.sql.script("create table thing (id int); insert into thing values (1)");
    await Deno.rename(`${directory}/pgdata/global`, `${directory}/pgdata/elsewhere`);
    await assertRejects(() => database.sql.script("checkpoint; select count(*) from pg_database"));
    await Deno.rename(`${directory}/pgdata/elsewhere`, `${directory}/pgdata/global`);
    await database.sql`select 1`.catch(() => {});
    assertEquals(await database.sql`select id from thing`, [{ id: 1 }]);
    await database.close();
  }));
