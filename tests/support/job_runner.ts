/**
 * A runner of jobs over real children, with code and values given by the test.
 *
 * @module
 */
import { AppError } from "../../lib/errors.ts";
import type { Execution, ExecutionLine, GivenValues } from "../../lib/runtime/execution.ts";
import { type JobEnd, JobRunner } from "../../lib/runtime/job_runner.ts";
import type { Pool } from "../../lib/runtime/pool.ts";
import { injectionOf, withPool } from "./child_pool.ts";
import { SHAPE } from "./children.ts";

/** What a test sets up and looks at. */
export interface JobBench {
  readonly pool: Pool;
  readonly executions: Execution[];
  readonly given: GivenValues[];
  readonly lines: ExecutionLine[];
  readonly progress: [number, string | null][];
  /** Runs a job. */
  run(name: string, payload?: unknown, options?: RunOptions): Promise<JobEnd>;
}

/** Options of a run. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (percent: number, message: string | null) => void;
}

/** Options of {@linkcode withJobRunner}. */
export interface JobBenchOptions {
  readonly code: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
  readonly graceMs?: number;
}

/** Runs `test` with a runner and ends all its children afterwards. */
export async function withJobRunner(
  options: JobBenchOptions,
  test: (bench: JobBench) => Promise<void>,
): Promise<void> {
  await withPool({}, (pool) => test(makeBench(pool, options)));
}

function makeBench(pool: Pool, options: JobBenchOptions): JobBench {
  const executions: Execution[] = [];
  const given: GivenValues[] = [];
  const lines: ExecutionLine[] = [];
  const progress: [number, string | null][] = [];
  const injection = injectionOf(options.secrets ?? {});
  const runner = new JobRunner({
    code: {
      peek: (name) => name in options.code ? { code: options.code[name]!, hash: name } : undefined,
      get: () => Promise.reject(new AppError("FUNCTION_NOT_FOUND", "Job not found")),
    },
    secrets: { cached: () => injection, resolve: () => Promise.resolve(injection) },
    pool,
    sink: {
      given: (values) => given.push(values),
      finished: (e) => executions.push(e),
      line: (line) => lines.push(line),
    },
    shape: SHAPE,
    limits: {
      answerMs: options.timeoutMs ?? 20_000,
      streamMs: options.timeoutMs ?? 20_000,
      memoryBytes: (options.memoryMb ?? 256) * 2 ** 20,
      bodyBytes: 2 ** 20,
    },
    graceMs: options.graceMs ?? 2_000,
  });
  const run: JobBench["run"] = (name, payload = null, { signal, onProgress } = {}) =>
    runner.run({
      executionId: crypto.randomUUID(),
      id: "11111111-2222-4333-8444-555555555555",
      name,
      namespace: null,
      payload: JSON.stringify(payload),
      attempt: 1,
      principal: "test",
      requestId: "r",
      userId: null,
      signal: signal ?? new AbortController().signal,
      onProgress: (percent, message) => {
        progress.push([percent, message]);
        onProgress?.(percent, message);
      },
    });
  return { pool, given, executions, lines, progress, run };
}
