/**
 * What a function's child is made of, kept while code and values stay the same, so that a warm call
 * compares two references and builds nothing.
 *
 * @module
 */
import {
  type Injection,
  narrowInjection,
  sourcesOf,
  type ValueSource,
} from "../resolve/injection.ts";
import { ENV_PREFIX } from "../resolve/precedence.ts";
import {
  narrowSettings,
  NO_SETTING_VALUES,
  type ResolvedSettings,
} from "../resolve/resolved_settings.ts";
import type { Activation } from "./child.ts";
import { type FunctionSettings, NO_SETTINGS, seesSecret } from "./code/settings.ts";
import type { Execution, ExecutionSink } from "./execution.ts";
import type { CallLimits } from "./active_call.ts";
import type { Generation } from "./instance.ts";
import { createMasker, type Masker } from "./mask/masker.ts";
import type { OutputLine } from "./output.ts";
import { narrowNetwork } from "./network.ts";
import { type ChildShape, heapMbOf, shapeKey } from "./permissions.ts";
import type { Recipe } from "./pool.ts";
import { ReadNames, type ReadWords } from "./reads.ts";
import { revealSettings } from "./setting_variables.ts";
import type { Code, RunLimits, Target } from "./target.ts";

/** What recipes are made with. */
export interface RecipeParts {
  readonly sink: ExecutionSink;
  readonly shape: ChildShape;
  readonly limits: RunLimits;
}

interface Kept {
  readonly code: Code;
  readonly injection: Injection;
  readonly recipe: FunctionRecipe;
}

/** The recipes of all functions that were called. */
export class Recipes {
  readonly #parts: RecipeParts;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: RecipeParts) {
    this.#parts = parts;
  }

  /** The recipe of a function with this code and these values. */
  get(target: Target, code: Code, injection: Injection): FunctionRecipe {
    const slot = `${target.namespace ?? ""}/${target.name}`;
    const kept = this.#kept.get(slot);
    if (kept?.code === code && kept.injection === injection) return kept.recipe;
    const recipe = new FunctionRecipe(slot, target, code, injection, this.#parts);
    this.#kept.set(slot, { code, injection, recipe });
    return recipe;
  }
}

/** The recipe of one function with one code version and one set of values. */
export class FunctionRecipe implements Recipe {
  readonly slot: string;
  readonly generation: Generation;
  readonly shape: ChildShape;
  readonly memoryBytes: number;
  /** How long a call may take. */
  readonly limits: CallLimits;
  /** What the function gets: the values that its settings let by. */
  readonly injection: Injection;
  readonly #name: string;
  readonly #namespace: string | null;
  readonly #code: Code;
  readonly #parts: RecipeParts;
  readonly #settings: FunctionSettings;
  readonly #reads: ReadNames;
  readonly #narrowed = new WeakMap<ResolvedSettings, ResolvedSettings>();
  #masker: Masker | undefined;

  constructor(
    slot: string,
    target: Pick<Target, "name" | "namespace">,
    code: Code,
    injection: Injection,
    parts: RecipeParts,
  ) {
    const settings = code.settings ?? NO_SETTINGS;
    this.#settings = settings;
    this.slot = slot;
    this.shape = shapeFor(settings, parts.shape);
    this.memoryBytes = memoryFor(settings, parts.limits);
    this.limits = limitsFor(settings, parts.limits);
    this.injection = settings.secrets === null
      ? injection
      : narrowInjection(injection, (name) => seesSecret(settings, name));
    this.#reads = new ReadNames(this.injection);
    const rights = `${shapeKey(this.shape)}:${this.memoryBytes}`;
    this.generation = `${code.hash}:${this.injection.digest}:${rights}` as Generation;
    this.#name = target.name;
    this.#namespace = target.namespace;
    this.#code = code;
    this.#parts = parts;
  }

  activation(): Activation {
    const env: Record<string, string> = { FLUXBASE_FUNCTION_NAME: this.#name };
    if (this.#namespace !== null) env.FLUXBASE_FUNCTION_NAMESPACE = this.#namespace;
    const secrets: Record<string, string> = {};
    for (const [name, value] of this.injection.env) {
      env[name] = secrets[name.slice(ENV_PREFIX.length)] = value.reveal();
    }
    return { code: this.#code.code, env, secrets, system: revealSettings(this.injection.system) };
  }

  /** What the function gets of a user's settings: those that its own settings let by. */
  narrow(settings: ResolvedSettings): ResolvedSettings {
    if (this.#settings.secrets === null || settings.values.size === 0) return settings;
    let narrowed = this.#narrowed.get(settings);
    if (narrowed === undefined) {
      narrowed = narrowSettings(settings, (name) => seesSecret(this.#settings, name));
      this.#narrowed.set(settings, narrowed);
    }
    return narrowed;
  }

  /** What the words of a run stand for; the same list again for equal words, as far as can be. */
  readsOf(words: ReadWords | null, user: ResolvedSettings): readonly ValueSource[] | null {
    return words === null ? null : this.#reads.of(words, user);
  }

  onGiven(): void {
    this.given("function", null, NO_SETTING_VALUES);
  }

  /** Tells that a process gets the values, for one execution alone or for whatever comes. */
  given(kind: Execution["kind"], executionId: string | null, user: ResolvedSettings): void {
    this.#parts.sink.given({
      kind,
      name: this.#name,
      namespace: this.#namespace,
      executionId,
      secrets: sourcesOf(this.injection, user),
    });
  }

  masker(): Masker {
    const { env, system } = this.injection;
    return this.#masker ??= createMasker(
      [...env.values(), ...system.values.values()].map((value) => value.reveal()),
    );
  }

  onLine({ level, text }: OutputLine, executionId: string | null): void {
    this.#parts.sink.line({
      executionId,
      name: this.#name,
      namespace: this.#namespace,
      at: new Date(),
      level,
      text,
    });
  }
}

function shapeFor({ network, memoryMb }: FunctionSettings, base: ChildShape): ChildShape {
  return {
    network: network === null ? base.network : narrowNetwork(base.network, network),
    heapMb: memoryMb === null ? base.heapMb : heapMbOf(memoryMb),
  };
}

function memoryFor({ memoryMb }: FunctionSettings, { memoryBytes }: RunLimits): number {
  return memoryMb === null ? memoryBytes : memoryMb * 2 ** 20;
}

function limitsFor({ timeoutMs }: FunctionSettings, limits: RunLimits): CallLimits {
  if (timeoutMs === null) return limits;
  // Whoever may take long to answer may take as long again to send the answer.
  return { answerMs: timeoutMs, streamMs: Math.max(limits.streamMs, 2 * timeoutMs) };
}
