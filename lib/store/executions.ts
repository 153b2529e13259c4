/**
 * Runs of user code, their output and their counts.
 *
 * @module
 */
import type { Row, Sql } from "./sql.ts";

/** A finished run, as it is stored. */
export interface ExecutionRecord {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | null;
  readonly codeHash: string | null;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly outcome: string;
  readonly status: number | null;
  readonly principal: string | null;
  readonly requestId: string;
  readonly secrets: readonly StoredSource[];
  /** Those of them that were read; null when that isn't known. */
  readonly reads: readonly StoredSource[] | null;
}

/** A value that a run got: what it is called, and which version. */
export interface StoredSource {
  readonly name: string;
  readonly scope: string;
  readonly version: number | null;
}

/** A masked line of output, as it is stored. */
export interface LineRecord {
  readonly executionId: string | null;
  readonly name: string;
  readonly namespace: string | null;
  readonly at: Date;
  readonly level: string;
  readonly text: string;
  /** `output` unless told. */
  readonly source?: string;
}

/** Calls of one function in one minute. */
export interface CountRecord {
  readonly name: string;
  readonly namespace: string | null;
  readonly minute: Date;
  readonly calls: number;
  readonly failures: number;
  readonly totalMs: number;
}

/** A stored line. */
export interface StoredLine extends Row {
  id: number;
  execution_id: string | null;
  name: string;
  namespace: string | null;
  logged_at: Date;
  level: string;
  message: string;
  /** `output` for what the code printed, `reads` for the note of what it read. */
  source: string;
}

/** The store of executions. */
export class ExecutionStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Writes a batch: one statement for each kind of row, however many there are. */
  async save(batch: {
    readonly executions: readonly ExecutionRecord[];
    readonly lines: readonly LineRecord[];
    readonly counts: readonly CountRecord[];
  }): Promise<void> {
    if (batch.executions.length > 0) await this.#saveExecutions(batch.executions);
    if (batch.lines.length > 0) await this.#saveLines(batch.lines);
    if (batch.counts.length > 0) await this.#saveCounts(batch.counts);
  }

  /** The lines of one execution, oldest first, after a line's id. */
  lines(executionId: string, options: { after?: number; limit?: number } = {}): Promise<
    StoredLine[]
  > {
    return this.#sql<StoredLine>`
      select id, execution_id, name, namespace, logged_at, level, message, source
      from functions.execution_logs
      where execution_id = ${executionId} and id > ${options.after ?? 0}
      order by id limit ${options.limit ?? 1_000}`;
  }

  /** The newest executions of a function. */
  executions(name: string, namespace: string | null, limit: number): Promise<Row[]> {
    return this.#sql`
      select id, kind, name, namespace, code_hash, started_at, duration_ms, outcome, status,
        principal, request_id, secrets, reads
      from functions.executions
      where name = ${name} and namespace is not distinct from ${namespace}
      order by started_at desc, id limit ${limit}`;
  }

  async #saveExecutions(executions: readonly ExecutionRecord[]): Promise<void> {
    await this.#sql`
      insert into functions.executions (id, kind, name, namespace, code_hash, started_at,
        duration_ms, outcome, status, principal, request_id, secrets, reads)
      select "id", "kind", "name", "namespace", "codeHash", "startedAt", "durationMs", "outcome",
        "status", "principal", "requestId", "secrets", nullif("reads", 'null')
      from jsonb_to_recordset(${JSON.stringify(executions)}::jsonb) as new ("id" uuid, "kind" text,
        "name" text, "namespace" text, "codeHash" text, "startedAt" timestamptz,
        "durationMs" double precision, "outcome" text, "status" int, "principal" text,
        "requestId" text, "secrets" jsonb, "reads" jsonb)
      on conflict (id) do nothing`;
  }

  async #saveLines(lines: readonly LineRecord[]): Promise<void> {
    await this.#sql`
      insert into functions.execution_logs (execution_id, name, namespace, logged_at, level, message,
        source)
      select "executionId", "name", "namespace", "at", "level", "text", coalesce("source", 'output')
      from jsonb_to_recordset(${toJson(lines)}::jsonb) as new ("executionId" uuid, "name" text,
        "namespace" text, "at" timestamptz, "level" text, "text" text, "source" text)`;
  }

  async #saveCounts(counts: readonly CountRecord[]): Promise<void> {
    await this.#sql`
      insert into functions.invocation_counts as old (name, namespace, minute, calls, failures,
        total_ms)
      select "name", "namespace", "minute", "calls", "failures", "totalMs"
      from jsonb_to_recordset(${JSON.stringify(counts)}::jsonb) as new ("name" text,
        "namespace" text, "minute" timestamptz, "calls" bigint, "failures" bigint,
        "totalMs" double precision)
      on conflict (name, namespace, minute) do update set
        calls = old.calls + excluded.calls, failures = old.failures + excluded.failures,
        total_ms = old.total_ms + excluded.total_ms`;
  }
}

/** PostgreSQL's text holds no NUL, and jsonb refuses its escape; user code may print one. */
function toJson(lines: readonly LineRecord[]): string {
  return JSON.stringify(
    lines,
    (key, value) => key === "text" ? String(value).replaceAll("\0", "␀").toWellFormed() : value,
  );
}
