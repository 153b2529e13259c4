/**
 * Runs jobs: the way of a function's call, in a child of its own that ends with the run.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import { sourcesOf, type ValueSource } from "../resolve/injection.ts";
import type { Namespace } from "../resolve/ref.ts";
import { NO_SETTING_VALUES, type ResolvedSettings } from "../resolve/resolved_settings.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import type { Execution, Outcome } from "./execution.ts";
import type { ActiveCall } from "./active_call.ts";
import type { Instance } from "./instance.ts";
import { maskJson, maskShort } from "./job_json.ts";
import { type JobLine, readJobLines } from "./job_lines.ts";
import { JobRecipe } from "./job_recipe.ts";
import { endedEarly, failed, JOB_OUTCOMES, type JobFailure, timedOut } from "./job_failure.ts";
import type { Masker } from "./mask/masker.ts";
import { type FunctionRecipe, Recipes } from "./recipes.ts";
import type { RunnerParts } from "./runner.ts";
import type { Code } from "./target.ts";

/** What a {@linkcode JobRunner} works with. */
export interface JobRunnerParts extends RunnerParts {
  /** How long a job may go on after it was told to stop, ms. */
  readonly graceMs: number;
}

/** One attempt at a job. */
export interface JobCall {
  /** Id of this attempt's record. */
  readonly executionId: string;
  readonly id: string;
  readonly name: string;
  readonly namespace: Namespace | null;
  /** JSON. */
  readonly payload: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Id of the principal that submitted it. */
  readonly principal: string | null;
  readonly requestId: string;
  /** Whose settings it may read; null for nobody's. */
  readonly userId: UserId | null;
  /** Ends the attempt: the job is told, and killed once its grace is over. */
  readonly signal: AbortSignal;
  /** Called with what the job tells of itself; masked. */
  onProgress(percent: number, message: string | null): void;
}

/** How an attempt ended. Everything here is masked. */
export interface JobEnd {
  readonly outcome: Outcome;
  /** What the handler returned, as JSON; null for nothing, or no success. */
  readonly result: string | null;
  /** Why it failed; null for success. */
  readonly error: string | null;
  readonly code: ErrorCode | null;
  readonly codeHash: string | null;
  /** Names, scopes and versions of what was injected; never values. */
  readonly secrets: readonly ValueSource[];
}

interface Run {
  readonly call: JobCall;
  readonly startedAt: number;
  readonly startedDate: Date;
  code: Code | undefined;
  recipe: FunctionRecipe | undefined;
  /** The part of the user's settings that the job sees. */
  user: ResolvedSettings;
  /** The call in its process, once it is sent. */
  active: ActiveCall | undefined;
}

/** The runner of jobs. */
export class JobRunner {
  readonly #parts: JobRunnerParts;
  readonly #recipes: Recipes;

  constructor(parts: JobRunnerParts) {
    this.#parts = parts;
    this.#recipes = new Recipes(parts);
  }

  /** Makes one attempt. Never throws: what goes wrong is how it ended. */
  async run(call: JobCall): Promise<JobEnd> {
    const startedAt = performance.now();
    const run: Run = {
      call,
      startedAt,
      startedDate: new Date(),
      code: undefined,
      recipe: undefined,
      user: NO_SETTING_VALUES,
      active: undefined,
    };
    try {
      const result = await this.#attempt(run);
      return this.#finish(run, { outcome: "completed", result, error: null, code: null });
    } catch (error) {
      return this.#finish(run, { result: null, ...failureOf(error, call.signal) });
    }
  }

  async #attempt(run: Run): Promise<string | null> {
    const { call } = run;
    const { pool, graceMs } = this.#parts;
    const recipe = await this.#prepare(run);
    call.signal.throwIfAborted();
    const instance = await pool.startAlone(new JobRecipe(recipe, call, run.user), graceMs);
    const active = run.active = instance.call(
      call.executionId,
      { method: "POST", url: "http://job.invalid/", headers: [] },
      new TextEncoder().encode(call.payload),
      { answerMs: recipe.limits.answerMs, streamMs: recipe.limits.answerMs },
      () => call.signal,
    );
    const cancel = () => active.call.cancel();
    call.signal.addEventListener("abort", cancel);
    // The child takes this call alone, and ends with it.
    instance.retire();
    try {
      if (call.signal.aborted) cancel();
      return await this.#follow(call, active, instance.masker);
    } catch (error) {
      throw await this.#explain(error, active, instance, recipe);
    } finally {
      call.signal.removeEventListener("abort", cancel);
    }
  }

  /** The code and the values of now: a job that is tried again sees what has changed meanwhile. */
  async #prepare(run: Run): Promise<FunctionRecipe> {
    const { code, secrets } = this.#parts;
    const { name, namespace, principal, requestId } = run.call;
    const target = { name, namespace, principal, requestId };
    run.code = code.peek(name, namespace) ?? await code.get(name, namespace);
    const injection = secrets.cached(namespace) ?? await secrets.resolve(namespace);
    const recipe = this.#recipes.get(target, run.code, injection);
    run.recipe = recipe;
    run.user = recipe.narrow(await this.#userSettings(run.call.userId));
    return recipe;
  }

  async #userSettings(userId: UserId | null): Promise<ResolvedSettings> {
    const { userSettings } = this.#parts;
    if (userId === null || userSettings === undefined) return NO_SETTING_VALUES;
    return userSettings.cached(userId) ?? await userSettings.resolve(userId);
  }

  async #follow(call: JobCall, active: ActiveCall, masker: Masker): Promise<string | null> {
    const { body } = await active.call.answer;
    let last: JobLine | undefined;
    for await (const line of readJobLines(body)) {
      last = line;
      if (line.kind !== "progress") continue;
      call.onProgress(line.percent, line.message === null ? null : maskShort(line.message, masker));
    }
    if (last?.kind === "result") {
      return last.value === undefined ? null : maskJson(last.value, masker);
    }
    if (last?.kind === "error") throw failed(maskShort(last.error, masker));
    throw failed("The job's process sent no result");
  }

  async #explain(
    error: unknown,
    active: ActiveCall,
    { child }: Instance,
    { limits, memoryBytes }: FunctionRecipe,
  ): Promise<unknown> {
    const end = await active.ended;
    // Until the process is gone it may still be doing what the next attempt would do again.
    const reason = await child.exited;
    if (active.timedOut) return timedOut(limits.answerMs);
    return end === "lost" ? endedEarly(reason, memoryBytes) : error;
  }

  #finish(run: Run, end: Omit<JobEnd, "codeHash" | "secrets">): JobEnd {
    const { call, code, recipe, user, active } = run;
    const shared = { outcome: end.outcome, codeHash: code?.hash ?? null };
    const secrets = recipe === undefined ? [] : sourcesOf(recipe.injection, user);
    const execution: Execution = {
      ...shared,
      id: call.executionId,
      kind: "job",
      name: call.name,
      namespace: call.namespace,
      startedAt: run.startedDate,
      durationMs: performance.now() - run.startedAt,
      status: null,
      principal: call.principal,
      requestId: call.requestId,
      secrets,
      reads: active === undefined ? [] : recipe?.readsOf(active.reads, user) ?? null,
    };
    this.#parts.sink.finished(execution);
    return { ...end, codeHash: shared.codeHash, secrets };
  }
}

function failureOf(error: unknown, signal: AbortSignal): JobFailure {
  if (signal.aborted) return { outcome: "cancelled", error: "The job was cancelled", code: null };
  if (!(error instanceof AppError)) {
    return { outcome: "refused", error: "The job could not be run", code: "INTERNAL_ERROR" };
  }
  const outcome = JOB_OUTCOMES[error.code] ?? "refused";
  return { outcome, error: error.message, code: error.code };
}
