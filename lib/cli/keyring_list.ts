/**
 * `keyring list`: the server's keys, and how much is still under each.
 *
 * @module
 */
import { formatTime, print } from "./output.ts";
import type { Context } from "./table.ts";

interface KeyInfo {
  readonly id: string;
  readonly purpose: string;
  readonly status: string;
  readonly root_id: string;
  readonly created_at: string;
  readonly seals: number;
  readonly uses: number;
}

interface RingInfo {
  readonly roots: { readonly active: string; readonly held: readonly string[] };
  readonly keys: readonly KeyInfo[];
  readonly renewal: { readonly running: boolean; readonly done: number; readonly damaged: number };
}

/** Counting reads the tables whole. */
const TIMEOUT_MS = 300_000;

/** Lists keys. */
export async function listKeyRing(context: Context): Promise<void> {
  const client = await context.connect();
  const path = "/api/v1/admin/keyring";
  const ring = await client.json<RingInfo>("GET", path, { timeoutMs: TIMEOUT_MS });
  await print(context, ring, {
    columns: ["ID", "PURPOSE", "STATUS", "ROOT", "CREATED", "USES"],
    rows: ring.keys.map((key) => [
      key.id,
      key.purpose,
      key.status,
      key.status === "destroyed" ? "-" : key.root_id,
      formatTime(key.created_at),
      String(key.uses),
    ]),
    empty: "No keys found.",
  });
  const { running, done, damaged } = ring.renewal;
  if (running) {
    context.io.note(`Making everything anew under the primary keys: ${done} rows so far.`);
  }
  if (damaged > 0) {
    context.io.note(`${damaged} rows are not as they were written, and stay as they are.`);
  }
}
