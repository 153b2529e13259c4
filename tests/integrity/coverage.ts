/**
 * What is deliberately not authenticated, each with its reason. Everything else of the schemas
 * `functions` and `app` must be: a new column that nothing covers fails the walk.
 *
 * @module
 */

/** Whole tables. */
export const OPEN_TABLES: Readonly<Record<string, string>> = {
  "functions.migrations": "which scripts have run; a change stops the next start",
  "functions.executions": "what happened; it is shown and decides nothing",
  "functions.execution_logs": "what was printed; it is shown and decides nothing",
  "functions.invocation_counts": "counts; they are shown and decide nothing",
  "functions.job_attempts": "what became of runs; it is shown, and the queue decides on repeats",
  "functions.code_heads": "tells that something changed; what did is authenticated itself",
};

/** Single columns. */
export const OPEN_COLUMNS: Readonly<Record<string, string>> = {
  "functions.service_keys.last_used_at": "shown; it decides nothing",
  "functions.data_keys.seals": "decides only when the next key is made",
  "functions.data_keys.destroyed_at": "a key without its bytes is of no use, whatever this says",
  "functions.code_blobs.created_at": "shown; code is named by its hash",
  ...Object.fromEntries([
    "progress_percent",
    "progress_message",
    "progress_at",
    "outcome",
    "result",
    "error",
    "error_code",
    "finished_at",
    "retried_as",
  ].map((column) => [
    `functions.jobs.${column}`,
    "what became of a job; what is run is authenticated, how often is not",
  ])),
};

/** A row as a whole: what need not be refused, or need not be reported, of an authentic one. */
export const OPEN_ROWS: Readonly<Record<string, Partial<Record<RowAttack, OpenRow>>>> = {
  "functions.idempotency_keys": {
    removed: { reported: false, reason: "a request that is repeated is then a new one" },
  },
  "functions.jobs": {
    removed: { reported: false, reason: "a job that isn't there isn't run" },
  },
  "app.settings": {
    replayed: { reported: true, reason: "refused only by a server that has seen a newer one" },
  },
};

/** Why, and whether `verify` tells of it all the same. */
export interface OpenRow {
  readonly reported: boolean;
  readonly reason: string;
}

/** What can be done to a row that is not a change of a cell. */
export type RowAttack = "removed" | "replayed";
