/**
 * Puts the runtime together: spares, pool, watch over memory, runner.
 *
 * @module
 */
import { hasCommand } from "./commands.ts";
import type { ExecutionSink } from "./execution.ts";
import type { ExitReason } from "./exit_reason.ts";
import { JobRunner } from "./job_runner.ts";
import { MemoryWatch } from "./memory_watch.ts";
import { type ChildShape, CLOSED_ADDRESSES, heapMbOf } from "./permissions.ts";
import { Pool } from "./pool.ts";
import { Runner } from "./runner.ts";
import { withCache } from "./spawn.ts";
import { Spares } from "./spares.ts";
import type { CodeProvider, InjectionProvider, UserSettingsProvider } from "./target.ts";

/** Options of {@linkcode startRuntime}. */
export interface RuntimeOptions {
  /** Path of the Deno executable. */
  readonly deno: string;
  /** A directory that only this user can enter, for sockets. */
  readonly runDirectory: string;
  /** Hosts that functions may reach; null: every public address. */
  readonly allowNet: readonly string[] | null;
  /** Hosts, `host:port` or ranges that stay closed, beside this machine and link-local ones. */
  readonly denyNet: readonly string[];
  readonly certificates: string | null;
  readonly answerMs: number;
  readonly memoryMb: number;
  readonly bodyBytes: number;
  readonly maxChildren: number;
  /** Jobs: where their code comes from, and their limits. */
  readonly jobs: {
    readonly code: CodeProvider;
    readonly timeoutMs: number;
    readonly memoryMb: number;
  };
  readonly spares?: number;
  readonly code: CodeProvider;
  readonly secrets: InjectionProvider;
  readonly userSettings: UserSettingsProvider;
  readonly sink: ExecutionSink;
  onExit?(slot: string, reason: ExitReason): void;
}

/** A running runtime. */
export interface Runtime {
  readonly runner: Runner;
  readonly jobRunner: JobRunner;
  /** What this system can't give; for the start-up summary. */
  readonly missing: readonly string[];
  /** Takes no more calls, and waits at most `graceMs` for those under way. */
  drain(graceMs: number): Promise<void>;
  /** Waits at most `graceMs` for calls under way, and ends every child. */
  close(graceMs: number): Promise<void>;
}

/** How long a response may stream, ms. */
const STREAM_MS = 15 * 60 * 1_000;
/** How long an unused child is kept, ms. */
const IDLE_MS = 5 * 60 * 1_000;

/** How long a job that was given up may put things in order, ms. */
const JOB_GRACE_MS = 5_000;

/** Starts the runtime and its first spare child. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const setpriv = await hasCommand("setpriv") ? "setpriv" : null;
  const prlimit = await hasCommand("prlimit");
  const memory = Deno.build.os === "linux" ? new MemoryWatch("sh") : null;
  const shape = shapeOf(options);
  const host = {
    deno: options.deno,
    setpriv,
    ...(prlimit && { prlimit: "prlimit" }),
    directory: options.runDirectory,
    ...(options.certificates !== null && { certificates: options.certificates }),
  };
  const spares = new Spares(withCache(host, shape), options.spares ?? 1);
  const pool = new Pool(spares, memory, {
    maxChildren: options.maxChildren,
    idleMs: IDLE_MS,
    perFunction: { children: 4, comfortable: 48, most: 512 },
    ...(options.onExit && { onExit: options.onExit }),
  });
  spares.stock(shape);
  const runner = new Runner({
    code: options.code,
    secrets: options.secrets,
    userSettings: options.userSettings,
    sink: options.sink,
    pool,
    shape,
    limits: {
      answerMs: options.answerMs,
      streamMs: STREAM_MS,
      memoryBytes: options.memoryMb * 2 ** 20,
      bodyBytes: options.bodyBytes,
    },
  });
  const { jobs } = options;
  const jobRunner = new JobRunner({
    code: jobs.code,
    secrets: options.secrets,
    userSettings: options.userSettings,
    sink: options.sink,
    pool,
    shape: shapeOf({ ...options, memoryMb: jobs.memoryMb }),
    limits: {
      answerMs: jobs.timeoutMs,
      streamMs: jobs.timeoutMs,
      memoryBytes: jobs.memoryMb * 2 ** 20,
      bodyBytes: options.bodyBytes,
    },
    graceMs: JOB_GRACE_MS,
  });
  return {
    runner,
    jobRunner,
    missing: [
      ...(setpriv === null ? ["setpriv: a killed server may leave busy functions running"] : []),
      ...(prlimit ? [] : ["prlimit: functions may fill the disk with what SQLite spills"]),
      ...(memory === null ? ["/proc: only the heap of functions is limited"] : []),
    ],
    drain: (graceMs) => pool.drain(graceMs),
    async close(graceMs: number): Promise<void> {
      await pool.close(graceMs);
      await memory?.close();
    },
  };
}

/** What the operator names is open, even where it would be closed otherwise. */
function shapeOf({ allowNet, denyNet, memoryMb }: RuntimeOptions): ChildShape {
  const heapMb = heapMbOf(memoryMb);
  const network = allowNet === null
    ? { allow: "public" as const, deny: [...CLOSED_ADDRESSES, ...denyNet] }
    : { allow: allowNet, deny: [] };
  return { network, heapMb };
}
