/**
 * The third stage: code, the children that run it, and the queue.
 *
 * @module
 */
import { resolve } from "node:path";
import { AccessNotes } from "../audit/access_notes.ts";
import { AppError } from "../errors.ts";
import { startJobs } from "../jobs/start.ts";
import { errorFields } from "../log.ts";
import { Recorder } from "../runtime/recorder.ts";
import { startRuntime } from "../runtime/start.ts";
import { openCode } from "../server/code.ts";
import { ownAddresses } from "../server/own_addresses.ts";
import { ExecutionStore } from "../store/executions.ts";
import { LogReader } from "../store/log_lines.ts";
import { freshLog } from "./fresh_log.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import type { Start } from "./start.ts";

/** How long calls under way are waited for at the end, ms. */
export const GRACE_MS = 25_000;
/** How much of that time jobs get for stopping, ms. */
const JOB_END_MS = 7_000;

/** What runs user code. */
export type Work = Awaited<ReturnType<typeof openWork>>;

/** Starts what runs user code. */
export async function openWork(start: Start, ground: Ground, holdings: Holdings) {
  const { config, log, env, opened } = start;
  const { dataDir, database, ring, sql, audit, fresh } = ground;
  const { settings, deployments, schedules } = holdings;
  const store = new ExecutionStore(sql);
  const notes = new AccessNotes(audit);
  opened.defer(() => notes.close());
  const recorder = new Recorder(store, {
    access: notes,
    onLoss: (records, error) => log.error("records lost", { records, ...errorFields(error) }),
  });
  opened.defer(() => recorder.flush());
  const functionsDir = resolve(config.functionsDir);
  const cacheDir = dataDir.file("code");
  const code = { database, ring, set: deployments, log, env, cacheDir, ...fresh };
  const functions = await openCode({ ...code, kind: "function", root: functionsDir });
  opened.defer(() => functions.close());
  const jobCode = await openCode({ ...code, kind: "job", root: resolve(config.jobs.directory) });
  opened.defer(() => jobCode.close());
  const runDirectory = await dataDir.makeRunDirectory();
  opened.defer(() => Deno.remove(runDirectory, { recursive: true }));
  const runtime = await startRuntime({
    deno: Deno.execPath(),
    runDirectory,
    allowNet: config.functionsAllowNet,
    denyNet: ownAddresses(config, Deno.networkInterfaces().map(({ address }) => address)),
    certificates: config.functionsCaFile,
    answerMs: config.functionTimeoutMs,
    memoryMb: config.functionMemoryMb,
    bodyBytes: config.functionMaxBodyBytes,
    maxChildren: config.maxChildren,
    jobs: { ...config.jobs, code: jobCode.code },
    code: functions.code,
    secrets: settings.injections,
    userSettings: settings.users,
    sink: recorder,
    onExit: (slot, reason) => {
      if (reason.kind !== "retired") log.warn("function ended", { function: slot, ...reason });
    },
  });
  let graceMs = GRACE_MS;
  opened.defer(() => runtime.close(graceMs));
  const jobs = await startJobs({
    database,
    ring,
    set: schedules,
    catalogue: jobCode.catalogue,
    onTrouble: (what, error, leftOut) => {
      const reason = error instanceof AppError ? error.message : undefined;
      log.warn("jobs", { what, reason, ...errorFields(error), left_out: leftOut || undefined });
    },
    ...(config.role !== "api" && {
      worker: { runner: runtime.jobRunner, concurrency: config.jobs.concurrency },
    }),
  });
  opened.defer(() => jobs.close(jobGraceOf(graceMs)));
  functions.directory.prewarm().catch((error) => {
    // A server that ends before it is ready needs none.
    const ending = error instanceof AppError && error.code === "SHUTTING_DOWN";
    if (!ending) log.warn("no bundler", errorFields(error));
  });
  return {
    logs: freshLog(store, new LogReader(sql), () => recorder.flush()),
    functions,
    functionsDir,
    jobCode,
    runtime,
    jobs,
    /** Answers what is under way, at most for `ms`; closing afterwards takes no longer either. */
    async drain(ms: number): Promise<void> {
      graceMs = ms;
      // Jobs are told first: calls that are still answered don't keep them from winding up.
      jobs.close(jobGraceOf(ms)).catch(() => {});
      // Calls end before the listener does: that would break their uploads, and wait without a limit.
      await runtime.drain(ms);
    },
  };
}

/** What is left of the time is for jobs that were told to stop, and for handing them back. */
function jobGraceOf(graceMs: number): number {
  return Math.max(0, graceMs - JOB_END_MS);
}
