/**
 * What every stage of starting gets.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { Config } from "../server/config.ts";

/** A server that is being started. */
export interface Start {
  readonly config: Config;
  readonly log: Log;
  /** The process's environment, of which Deno's tools get what they need. */
  readonly env: Readonly<Record<string, string>>;
  /** What is open, to be closed in the opposite order. */
  readonly opened: AsyncDisposableStack;
}

/** The name of the administrator's key in the data directory. */
export const ADMIN_KEY_FILE = "admin.key";
