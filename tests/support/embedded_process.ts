/**
 * A process with the embedded database of a directory open. For tests with several processes.
 *
 * `open` says so and waits for its standard input to end. `write` inserts 1, 2, 3 … and prints each
 * number when its insert was acknowledged.
 *
 * @module
 */
import { AppError } from "../../lib/errors.ts";
import { openEmbedded } from "../../lib/store/embedded.ts";

const [mode, directory] = Deno.args;

async function write(text: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

try {
  const database = await openEmbedded(directory!);
  await write("open");
  if (mode === "write") {
    const { sql } = database;
    await sql.script("create table if not exists written (n int primary key, twin int not null)");
    const [last] = await sql<{ n: number }>`select coalesce(max(n), 0) as n from written`;
    for (let n = last!.n + 1;; n++) {
      await sql.transaction((inner) => inner`insert into written values (${n}, ${n})`);
      await write(`${n}`);
    }
  }
  for await (const _ of Deno.stdin.readable);
  await database.close();
} catch (error) {
  await write(error instanceof AppError ? `${error.code} ${error.message}` : String(error));
}
