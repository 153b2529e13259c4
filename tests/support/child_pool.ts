/**
 * A pool of real children, and what they are given.
 *
 * @module
 */
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { buildInjection, type Injection } from "../../lib/resolve/injection.ts";
import { parseSecretName } from "../../lib/resolve/ref.ts";
import { MemoryWatch } from "../../lib/runtime/memory_watch.ts";
import { Pool } from "../../lib/runtime/pool.ts";
import { openSpares } from "./children.ts";

/** Options of {@linkcode withPool}. */
export interface PoolOptions {
  readonly spares?: number;
  readonly maxChildren?: number;
  readonly idleMs?: number;
  readonly most?: number;
  readonly comfortable?: number;
}

/** Runs `test` with a pool and ends all its children afterwards. */
export async function withPool(
  { spares = 1, maxChildren = 8, idleMs = 60_000, most = 256, comfortable = 32 }: PoolOptions,
  test: (pool: Pool) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  const memory = new MemoryWatch("sh");
  const pool = new Pool(openSpares(directory, spares), memory, {
    maxChildren,
    idleMs,
    perFunction: { children: 2, comfortable, most },
  });
  try {
    await test(pool);
  } finally {
    await pool.close(0);
    await memory.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** What is injected when these are the global secrets. */
export function injectionOf(values: Readonly<Record<string, string>>): Injection {
  const parts = Object.entries(values).map(([name, value]) => ({
    name: parseSecretName(name),
    scope: "global" as const,
    version: 1,
    value: Plaintext.fromText(value),
  }));
  return buildInjection(parts, Infinity);
}
