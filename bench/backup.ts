/**
 * 10,000 secrets with 5 versions each go from the embedded database into PostgreSQL under another
 * root key, and are compared value by value.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { generateIdentity, identityToRecipient } from "age-encryption";
import {
  bytesOf,
  contentsOf,
  fillRest,
  fillSecrets,
  joinBackups,
  streamOf,
} from "../tests/support/backup_world.ts";
import { withDatabase } from "../tests/support/databases.ts";
import { admin } from "../tests/support/world.ts";
import { alone, type BenchOptions, type Measure } from "./support/measure.ts";

const SECRETS = 10_000;
const QUICK_SECRETS = 200;
const VERSIONS = 5;

/** Measures one way there. */
export async function run({ quick }: BenchOptions): Promise<Measure[]> {
  const secrets = quick ? QUICK_SECRETS : SECRETS;
  const identity = await generateIdentity();
  const lock = { recipients: [await identityToRecipient(identity)] };
  const measures: Measure[] = [];
  await withDatabase("embedded", async (source) => {
    await using opened = new AsyncDisposableStack();
    const from = await joinBackups(source, opened);
    await fillSecrets(from, secrets, VERSIONS);
    await fillRest(from);
    const made = await timed(async () => bytesOf(await from.backups.create(admin, lock)));
    await withDatabase("postgres", async (target) => {
      await using opened = new AsyncDisposableStack();
      const to = await joinBackups(target, opened);
      const unlock = { identities: [identity] };
      const brought = await timed(() => to.backups.restore(admin, unlock, streamOf(made.result)));
      assertEquals(brought.result.version, secrets * VERSIONS);
      assertEquals(await contentsOf(to), await contentsOf(from));
      const what = `${secrets} × ${VERSIONS} versions`;
      measures.push(
        alone(`backup of ${what}, embedded`, "s", made.seconds),
        alone("its file", "MiB", made.result.length / 2 ** 20),
        alone("restore into PostgreSQL, equal value by value", "s", brought.seconds),
      );
    });
  });
  return measures;
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const begun = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - begun) / 1_000 };
}
