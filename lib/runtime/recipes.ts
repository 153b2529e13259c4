/**
 * What a function's child is made of, kept while code and values stay the same, so that a warm call
 * compares two references and builds nothing.
 *
 * @module
 */
import type { Injection } from "../resolve/injection.ts";
import { ENV_PREFIX } from "../resolve/precedence.ts";
import type { Activation } from "./child.ts";
import type { ExecutionSink } from "./execution.ts";
import type { Generation } from "./instance.ts";
import { createMasker, type Masker } from "./mask/masker.ts";
import type { OutputLine } from "./output.ts";
import type { ChildShape } from "./permissions.ts";
import type { Recipe } from "./pool.ts";
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
  readonly #name: string;
  readonly #namespace: string | null;
  readonly #code: Code;
  readonly #injection: Injection;
  readonly #parts: RecipeParts;
  #masker: Masker | undefined;

  constructor(
    slot: string,
    target: Pick<Target, "name" | "namespace">,
    code: Code,
    injection: Injection,
    parts: RecipeParts,
  ) {
    this.slot = slot;
    this.generation = `${code.hash}:${injection.digest}` as Generation;
    this.#name = target.name;
    this.#namespace = target.namespace;
    this.#code = code;
    this.#injection = injection;
    this.#parts = parts;
  }

  get shape(): ChildShape {
    return this.#parts.shape;
  }

  get memoryBytes(): number {
    return this.#parts.limits.memoryBytes;
  }

  activation(): Activation {
    const env: Record<string, string> = { FLUXBASE_FUNCTION_NAME: this.#name };
    if (this.#namespace !== null) env.FLUXBASE_FUNCTION_NAMESPACE = this.#namespace;
    const secrets: Record<string, string> = {};
    for (const [name, value] of this.#injection.env) {
      env[name] = secrets[name.slice(ENV_PREFIX.length)] = value.reveal();
    }
    return { code: this.#code.code, env, secrets };
  }

  masker(): Masker {
    return this.#masker ??= createMasker(
      this.#injection.env.values().map((value) => value.reveal()),
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
