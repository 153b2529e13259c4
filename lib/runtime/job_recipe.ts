/**
 * What the child of one attempt at a job is made of.
 *
 * @module
 */
import type { Activation, JobIdentity } from "./child.ts";
import type { Generation } from "./instance.ts";
import type { Masker } from "./mask/masker.ts";
import type { OutputLine } from "./output.ts";
import type { ChildShape } from "./permissions.ts";
import type { Recipe } from "./pool.ts";
import type { FunctionRecipe } from "./recipes.ts";

/** The attempt that it is for. */
export interface JobAttempt extends JobIdentity {
  readonly executionId: string;
}

/** A recipe as a function's, with the job's own variables, and all output filed under the attempt. */
export class JobRecipe implements Recipe {
  readonly slot: string;
  readonly #recipe: FunctionRecipe;
  readonly #attempt: JobAttempt;

  constructor(recipe: FunctionRecipe, attempt: JobAttempt) {
    this.slot = `job ${recipe.slot}`;
    this.#recipe = recipe;
    this.#attempt = attempt;
  }

  get generation(): Generation {
    return this.#recipe.generation;
  }

  get shape(): ChildShape {
    return this.#recipe.shape;
  }

  get memoryBytes(): number {
    return this.#recipe.memoryBytes;
  }

  activation(): Activation {
    const { id, name, namespace, attempt } = this.#attempt;
    const { env, ...rest } = this.#recipe.activation();
    const own = {
      FLUXBASE_JOB_ID: id,
      FLUXBASE_JOB_NAME: name,
      ...(namespace !== null && { FLUXBASE_JOB_NAMESPACE: namespace }),
    };
    const shared = Object.entries(env).filter(([key]) => !key.startsWith("FLUXBASE_FUNCTION_"));
    return {
      ...rest,
      env: { ...Object.fromEntries(shared), ...own },
      job: { id, name, namespace, attempt },
    };
  }

  masker(): Masker {
    return this.#recipe.masker();
  }

  onLine(line: OutputLine): void {
    this.#recipe.onLine(line, this.#attempt.executionId);
  }
}
