/**
 * Runs functions: code and values → a warm child → the caller's response, and the record of it.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Injection, sourcesOf } from "../resolve/injection.ts";
import { NO_SETTING_VALUES, type ResolvedSettings } from "../resolve/resolved_settings.ts";
import { CALL_OUTCOMES, explainFailure, outcomeOf } from "./call_failure.ts";
import type { Answer, RequestBody } from "./call_stream.ts";
import type { Execution, ExecutionSink, Outcome } from "./execution.ts";
import { forwardedHeaders, takeBody, toResponse } from "./http_message.ts";
import type { ActiveCall, CallLimits } from "./active_call.ts";
import type { Instance } from "./instance.ts";
import type { ChildShape } from "./permissions.ts";
import type { Pool } from "./pool.ts";
import { type FunctionRecipe, Recipes } from "./recipes.ts";
import type {
  Code,
  CodeProvider,
  InjectionProvider,
  RunLimits,
  Target,
  UserSettingsProvider,
} from "./target.ts";

/** What a {@linkcode Runner} works with. */
export interface RunnerParts {
  readonly code: CodeProvider;
  readonly secrets: InjectionProvider;
  /** Left out: no user has any. */
  readonly userSettings?: UserSettingsProvider;
  readonly pool: Pool;
  readonly sink: ExecutionSink;
  readonly shape: ChildShape;
  readonly limits: RunLimits;
}

/** How often a call looks again when what it waited for was overtaken meanwhile. */
const ATTEMPTS = 100;

/** What a call is sent to. */
interface Ready {
  readonly instance: Instance;
  readonly limits: CallLimits;
}

/** A run that has begun. */
interface Run {
  readonly id: string;
  readonly target: Target;
  readonly startedAt: number;
  readonly startedDate: Date;
  code: Code | undefined;
  /** What is resolved for its namespace. */
  injection: Injection | undefined;
  /** What makes it the function's, with the part of it that the function sees. */
  recipe: FunctionRecipe | undefined;
  /** The part of the caller's settings that the function sees. */
  user: ResolvedSettings;
  /** What the call is sent to, once that is known. */
  ready: Ready | undefined;
  /** The call in an instance, once it is sent. */
  active: ActiveCall | undefined;
}

/** The runner. */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #recipes: Recipes;
  readonly #settle: () => void;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#recipes = new Recipes(parts);
    this.#settle = () => parts.sink.settle?.();
  }

  /**
   * Calls a function with a request and returns its response, whose body may still be streaming.
   *
   * @throws {AppError} With the code that says what happened; its `x-fluxbase-execution-id` header
   * names the record.
   */
  async invoke(request: Request, target: Target): Promise<Response> {
    const startedAt = performance.now();
    const run: Run = {
      id: crypto.randomUUID(),
      target,
      startedAt,
      startedDate: new Date(),
      code: undefined,
      injection: undefined,
      recipe: undefined,
      user: NO_SETTING_VALUES,
      ready: undefined,
      active: undefined,
    };
    try {
      const headers = forwardedHeaders(request.headers);
      const body = request.body === null
        ? null
        : await takeBody(request, this.#parts.limits.bodyBytes);
      const now = body === null ? startedAt : performance.now();
      run.ready = this.#warm(run, now) ?? await this.#warmUp(run);
      const active = this.#send(run, run.ready, request, headers, body);
      return this.#respond(run, active, run.ready.instance, await active.call.answer);
    } catch (error) {
      throw this.#failed(run, await explainFailure(error, run));
    }
  }

  #send(
    run: Run,
    { instance, limits }: Ready,
    request: Request,
    headers: [string, string][],
    body: RequestBody,
  ): ActiveCall {
    const head = {
      method: request.method,
      url: request.url,
      headers,
      ...instance.settingsOf(run.user),
    };
    const active = run.active = instance.call(run.id, head, body, limits, () => request.signal);
    // After the microtask in which the request goes out.
    queueMicrotask(this.#settle);
    return active;
  }

  #respond(run: Run, active: ActiveCall, instance: Instance, answer: Answer): Response {
    const response = toResponse(answer, instance.masker, run.id, (name) => {
      this.#noteMasked(run, name);
    });
    active.whenEnded((end) => this.#finish(run, outcomeOf(end, active), answer.status));
    return response;
  }

  /**
   * An instance with the code and the values of now, if one is ready. Nothing is waited for between
   * looking at the values and sending the call, so a call never gets values older than its start.
   */
  #warm(run: Run, now: number): Ready | undefined {
    const { code, secrets, pool } = this.#parts;
    const { name, namespace } = run.target;
    run.code = code.peek(name, namespace, now) ?? run.code;
    run.injection = secrets.cached(namespace, now) ?? run.injection;
    const user = this.#userSettings(run, now);
    if (!run.code || !run.injection || !user) return undefined;
    const recipe = this.#recipes.get(run.target, run.code, run.injection);
    run.recipe = recipe;
    run.user = recipe.narrow(user);
    const instance = pool.ready(recipe, now);
    return instance && { instance, limits: recipe.limits };
  }

  /** The caller's settings if they are certainly current. */
  #userSettings({ target: { userId } }: Run, now: number): ResolvedSettings | undefined {
    const { userSettings } = this.#parts;
    if (userId === undefined || userSettings === undefined) return NO_SETTING_VALUES;
    return userSettings.cached(userId, now);
  }

  async #warmUp(run: Run): Promise<Ready> {
    const { code, secrets, pool, userSettings } = this.#parts;
    const { name, namespace, userId } = run.target;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      run.code = code.peek(name, namespace) ?? await code.get(name, namespace);
      run.injection = await secrets.resolve(namespace);
      const user = userId === undefined ? undefined : await userSettings?.resolve(userId);
      const ready = this.#warm(run, performance.now());
      if (ready !== undefined) return ready;
      const used = run.code;
      const recipe = this.#recipes.get(run.target, used, run.injection);
      const instance = await pool.start(recipe);
      const newer = this.#warm(run, performance.now());
      if (newer !== undefined) return newer;
      // Something has changed meanwhile, and may go on to change. All of this was current when the
      // call had begun, so it needn't be newer.
      if (!pool.takes(instance)) continue;
      run.code = used;
      run.recipe = recipe;
      run.user = recipe.narrow(user ?? NO_SETTING_VALUES);
      return { instance, limits: recipe.limits };
    }
    throw new AppError("FUNCTION_BUSY", "The function's code or secrets change too fast", {
      headers: { "retry-after": "1" },
    });
  }

  #failed(run: Run, error: unknown): AppError {
    const app = error instanceof AppError
      ? error
      : new AppError("INTERNAL_ERROR", "The function could not be run", { cause: error });
    // What doesn't exist leaves no record: its name could be anything that a client put there.
    if (app.code === "FUNCTION_NOT_FOUND") return app;
    this.#finish(run, CALL_OUTCOMES[app.code] ?? "refused", app.status);
    return new AppError(app.code, app.message, {
      cause: app.cause,
      headers: { ...app.headers, "x-fluxbase-execution-id": run.id },
    });
  }

  #finish(run: Run, outcome: Outcome, status: number | null): void {
    const { target, code, recipe, user, active } = run;
    const execution: Execution = {
      id: run.id,
      kind: "function",
      name: target.name,
      namespace: target.namespace,
      codeHash: code?.hash ?? null,
      startedAt: run.startedDate,
      durationMs: performance.now() - run.startedAt,
      outcome,
      status,
      principal: target.principal,
      requestId: target.requestId,
      secrets: recipe === undefined ? [] : sourcesOf(recipe.injection, user),
      reads: active === undefined ? [] : recipe?.readsOf(active.reads, user) ?? null,
    };
    this.#parts.sink.finished(execution);
  }

  #noteMasked(run: Run, header: string): void {
    this.#parts.sink.line({
      executionId: run.id,
      name: run.target.name,
      namespace: run.target.namespace,
      at: new Date(),
      level: "warn",
      text: `[a secret's value was masked in the response header ${header}]`,
    });
  }
}
