/**
 * What the server and the thread of the embedded database say to each other.
 *
 * @module
 */
import type { Row, SqlValue } from "./sql.ts";

/** A piece of work for the thread. */
export type Task =
  | { readonly kind: "open"; readonly directory: string; readonly patienceMs: number }
  | { readonly kind: "query"; readonly text: string; readonly values: readonly SqlValue[] }
  | { readonly kind: "script"; readonly text: string }
  | { readonly kind: "listen"; readonly channel: string }
  | { readonly kind: "syncs" }
  | { readonly kind: "close" };

/** A task with the number under which it is answered. */
export interface Request {
  readonly id: number;
  readonly task: Task;
}

/** Why a task failed. */
export interface Failure {
  /** SQLSTATE of the database's answer; `null` when it gave none and must be started again. */
  readonly sqlstate: string | null;
  readonly constraint: string | null;
  /** For the server's log only. */
  readonly detail: string;
  /** Process that holds the directory, when that is the reason: 0 if it isn't known. */
  readonly holder?: number;
}

/** An answer, or a notification that nobody asked for. */
export type Reply =
  | { readonly id: number; readonly rows: Row[] }
  | { readonly id: number; readonly failure: Failure }
  | { readonly channel: string; readonly payload: string };
