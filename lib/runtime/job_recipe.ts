/**
 * What the child of one attempt at a job is made of.
 *
 * @module
 */
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import type { Activation, JobIdentity } from "./child.ts";
import type { Generation } from "./instance.ts";
import { GrowingMasker } from "./mask/growing_masker.ts";
import type { Masker } from "./mask/masker.ts";
import type { OutputLine } from "./output.ts";
import type { ChildShape } from "./permissions.ts";
import type { Recipe } from "./pool.ts";
import type { FunctionRecipe } from "./recipes.ts";
import { revealSettings, SYSTEM_PREFIX, USER_PREFIX } from "./setting_variables.ts";

/** The attempt that it is for. */
export interface JobAttempt extends JobIdentity {
  readonly executionId: string;
}

/**
 * A recipe as a function's, with the job's own variables, the settings of the one user that it runs
 * for, and all output filed under the attempt.
 */
export class JobRecipe implements Recipe {
  readonly slot: string;
  readonly #recipe: FunctionRecipe;
  readonly #attempt: JobAttempt;
  readonly #user: ResolvedSettings;

  /** @param user The part of the user's settings that the job sees. */
  constructor(recipe: FunctionRecipe, attempt: JobAttempt, user: ResolvedSettings) {
    this.slot = `job ${recipe.slot}`;
    this.#recipe = recipe;
    this.#attempt = attempt;
    this.#user = user;
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
      ...revealSettings(this.#recipe.injection.system, SYSTEM_PREFIX),
      ...revealSettings(this.#user, USER_PREFIX),
      FLUXBASE_JOB_ID: id,
      FLUXBASE_JOB_NAME: name,
      ...(namespace !== null && { FLUXBASE_JOB_NAMESPACE: namespace }),
    };
    const shared = Object.entries(env).filter(([key]) => !key.startsWith("FLUXBASE_FUNCTION_"));
    return {
      ...rest,
      user: revealSettings(this.#user),
      env: { ...Object.fromEntries(shared), ...own },
      job: { id, name, namespace, attempt },
    };
  }

  masker(): Masker {
    const masker = new GrowingMasker(this.#recipe.masker());
    masker.add(this.#user.values.values().map((value) => value.reveal()));
    return masker;
  }

  onGiven(): void {
    this.#recipe.given("job", this.#attempt.executionId, this.#user);
  }

  onLine(line: OutputLine): void {
    this.#recipe.onLine(line, this.#attempt.executionId);
  }
}
