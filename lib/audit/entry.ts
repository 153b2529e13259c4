/**
 * What one record of the audit says: who did what, to what, from where. It holds names and
 * versions, never a value.
 *
 * @module
 */

/** What kind of caller an action is put down to. */
export type ActorKind = "service_key" | "user" | "system" | "function" | "job" | "anonymous";

/** Who did it. */
export interface Actor {
  /** The key's, person's, function's or job's name; `null` for who has none. */
  readonly id: string | null;
  readonly kind: ActorKind;
  /** The address that the request came from; `null` when there was no request. */
  readonly address: string | null;
  readonly requestId: string | null;
}

/** What one more fact about an action may be. */
export type DetailValue = string | number | boolean | null | readonly string[];

/** One thing that happened, or several alike. */
export interface AuditEntry {
  /** What was done, as `noun.verb`: `secret.update`, `key.revoke`, `secret.read`, `access.denied`. */
  readonly action: string;
  /** `done` unless told. */
  readonly outcome?: "done" | "denied";
  readonly actor: Actor;
  /** The run of a function or job that it belongs to. */
  readonly executionId?: string | null;
  readonly namespace?: string | null;
  readonly name?: string | null;
  readonly version?: number | null;
  /** When it happened; the moment of recording unless told. */
  readonly at?: Date;
  /** How many alike this record stands for; 1 unless told. */
  readonly count?: number;
  /** Further facts; never a value of a secret. */
  readonly detail?: Readonly<Record<string, DetailValue>>;
}

/** Where access records go: never waits, never throws. */
export interface AuditSink {
  note(entry: AuditEntry): void;
}
