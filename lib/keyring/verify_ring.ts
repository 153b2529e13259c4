/**
 * Whether the ring is well: the roots are there, every key opens, and nothing is under one that
 * isn't there.
 *
 * @module
 */
import { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import type { KeyAdmin } from "./key_admin.ts";
import { usesText } from "./key_uses.ts";
import type { OpenedKeys, RingKeeper } from "./ring_keeper.ts";

/** What was found. */
export interface RingReport {
  /** One sentence for each; none when all is well. */
  readonly problems: readonly string[];
  /** How many keys were opened. */
  readonly keys: number;
  /** The root that seals. */
  readonly activeRoot: string;
  /** Other roots that keys are still sealed under. */
  readonly otherRoots: readonly string[];
}

/** Verifies the stored ring against roots that are read anew. */
export async function verifyRing(keeper: RingKeeper, admin: KeyAdmin): Promise<RingReport> {
  const problems: string[] = [];
  const opened = await told(problems, async () => {
    await keeper.readRoots();
    return await keeper.read({ anew: true });
  });
  if (opened !== undefined) problems.push(...await proveKeys(keeper, opened));
  problems.push(...await findLost(keeper, admin));
  const roots = new Set(opened?.stored.map(({ rootId }) => rootId));
  const activeRoot = keeper.roots[0]!.id;
  roots.delete(activeRoot);
  return { problems, keys: opened?.keys.length ?? 0, activeRoot, otherRoots: [...roots] };
}

/** What is made with a primary key must be readable, here and now. */
async function proveKeys(keeper: RingKeeper, { keys }: OpenedKeys): Promise<string[]> {
  const { ring } = keeper;
  await keeper.reload();
  const where = new TextEncoder().encode("fluxbase/verify");
  const problems = keys.flatMap(({ id }) => ring.knows(id) ? [] : [`Key ${id} is not in use here`]);
  const value = crypto.randomUUID();
  if (ring.open(ring.seal(Plaintext.fromText(value), where), where).reveal() !== value) {
    problems.push("A value that was sealed does not open");
  }
  for (const purpose of ["row", "token", "digest"] as const) {
    if (ring.verifyMac(purpose, where, ring.mac(purpose, where))) continue;
    problems.push(`A MAC under the key for ${purpose} does not verify`);
  }
  return problems;
}

async function findLost(keeper: RingKeeper, admin: KeyAdmin): Promise<string[]> {
  const uses = await admin.uses();
  return [...uses.keys()].filter((id) => !keeper.ring.knows(id)).map((id) =>
    `Key ${id} is not in the ring, and is used: ${usesText(uses, id)}`
  );
}

async function told<T>(problems: string[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}
