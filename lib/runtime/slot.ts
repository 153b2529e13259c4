/**
 * One function's children: the current generation serves, older ones drain.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Generation, Instance } from "./instance.ts";

/** Starts an instance; what a slot asks of the pool. */
export type StartInstance = (generation: Generation) => Promise<Instance>;

/** How many children a function may have and how many calls each. */
export interface SlotLimits {
  /** Children of one generation. */
  readonly children: number;
  /** Calls in one child from which on another is started beside it. */
  readonly comfortable: number;
  /** Calls in one child from which on the caller is asked to come back. */
  readonly most: number;
}

/** The children of one function in one namespace. */
export class Slot {
  readonly #limits: SlotLimits;
  #generation: Generation | undefined;
  #instances: Instance[] = [];
  #starting: Promise<Instance> | undefined;
  #startingGeneration: Generation | undefined;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Instances that serve. */
  get instances(): readonly Instance[] {
    return this.#instances;
  }

  /**
   * An instance of `generation` that can take a call now; never waits.
   *
   * @throws {AppError} FUNCTION_BUSY when each of them has as many calls as it takes.
   */
  ready(generation: Generation, now: number, start: StartInstance): Instance | undefined {
    if (this.#generation !== generation) return undefined;
    const best = this.#leastLoaded(now);
    if (best === undefined) return undefined;
    if (best.worn) this.#replace(best, generation, start);
    else if (best.load >= this.#limits.comfortable) this.#grow(generation, start);
    if (best.load < this.#limits.most) return best;
    throw new AppError("FUNCTION_BUSY", "The function has too many calls under way", {
      headers: { "retry-after": "1" },
    });
  }

  /** Starts an instance of `generation`, or joins a start under way. */
  start(generation: Generation, start: StartInstance): Promise<Instance> {
    if (this.#starting !== undefined && this.#startingGeneration === generation) {
      return this.#starting;
    }
    const starting = start(generation).then((instance) => {
      this.#adopt(instance, starting);
      return instance;
    }, (error) => {
      if (this.#starting === starting) this.#starting = undefined;
      throw error;
    });
    this.#starting = starting;
    this.#startingGeneration = generation;
    return starting;
  }

  /** Forgets an instance whose child has ended. */
  remove(instance: Instance): void {
    this.#instances = this.#instances.filter((other) => other !== instance);
  }

  /** Drains everything. */
  retireAll(): void {
    for (const instance of this.#instances.splice(0)) instance.retire();
  }

  /**
   * A start that was overtaken by a newer one serves those who waited for it: its values were the
   * current ones after they had asked. They take it before anything else happens.
   */
  #adopt(instance: Instance, starting: Promise<Instance>): void {
    if (this.#starting !== starting) {
      setTimeout(() => instance.retire(), 0);
      return;
    }
    this.#starting = undefined;
    if (this.#generation !== instance.generation) this.retireAll();
    this.#generation = instance.generation;
    this.#instances.push(instance);
  }

  #leastLoaded(now: number): Instance | undefined {
    let best: Instance | undefined;
    for (const instance of this.#instances) {
      if (!instance.healthy(now)) continue;
      if (best === undefined || instance.load < best.load) best = instance;
    }
    return best;
  }

  /** Starts another in the place of one that serves until then. */
  #replace(worn: Instance, generation: Generation, start: StartInstance): void {
    if (this.#starting !== undefined) return;
    this.start(generation, start).then(() => worn.retire(), () => {});
  }

  #grow(generation: Generation, start: StartInstance): void {
    if (this.#starting !== undefined || this.#instances.length >= this.#limits.children) return;
    this.start(generation, start).catch(() => {});
  }
}
