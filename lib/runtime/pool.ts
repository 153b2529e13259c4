/**
 * All children that serve functions: put to use, kept warm, replaced, and ended.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Activation } from "./child.ts";
import type { ExitReason } from "./exit_reason.ts";
import { type Generation, Instance, type InstanceOptions } from "./instance.ts";
import type { Masker } from "./mask/masker.ts";
import type { MemoryWatch } from "./memory_watch.ts";
import type { OutputLine } from "./output.ts";
import type { ChildShape } from "./permissions.ts";
import { Slot, type SlotLimits } from "./slot.ts";
import type { Spares } from "./spares.ts";

/** What a function's children are made of. */
export interface Recipe {
  /** Names the function and its namespace; one slot each. */
  readonly slot: string;
  readonly generation: Generation;
  readonly shape: ChildShape;
  /** Most resident memory of one child, bytes. */
  readonly memoryBytes: number;
  activation(): Activation;
  masker(): Masker;
  /** Called when a child is about to get the values. */
  onGiven(): void;
  onLine(line: OutputLine, executionId: string | null): void;
}

/** Options of a {@linkcode Pool}. */
export interface PoolOptions {
  /** Most children at once, spares not counted. */
  readonly maxChildren: number;
  /** How long an unused child is kept, ms. */
  readonly idleMs: number;
  readonly perFunction: SlotLimits;
  onExit?(slot: string, reason: ExitReason): void;
}

/** How often calls under way are looked at, ms. */
const SWEEP_MS = 50;

/** The pool. */
export class Pool {
  readonly #spares: Spares;
  readonly #memory: MemoryWatch | null;
  readonly #options: PoolOptions;
  readonly #slots = new Map<string, Slot>();
  /** Every instance whose process runs, draining ones included. */
  readonly #alive = new Set<Instance>();
  readonly #timer: ReturnType<typeof setInterval>;
  #starting = 0;
  #closed = false;

  constructor(spares: Spares, memory: MemoryWatch | null, options: PoolOptions) {
    this.#spares = spares;
    this.#memory = memory;
    this.#options = options;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** How many children run, spares not counted. */
  get size(): number {
    return this.#alive.size;
  }

  /**
   * An instance that can take a call now; `undefined` when one must be started first.
   *
   * @param now As `performance.now()` has it.
   * @throws {AppError} FUNCTION_BUSY or SHUTTING_DOWN.
   */
  ready(recipe: Recipe, now: number): Instance | undefined {
    if (this.#closed) throw new AppError("SHUTTING_DOWN", "The server is shutting down");
    return this.#slot(recipe.slot).ready(recipe.generation, now, this.#start(recipe));
  }

  /**
   * Starts an instance, or joins a start under way. When a newer generation has overtaken it, it is
   * there for those who waited for it, and only until they let others run.
   *
   * @throws {AppError} FUNCTION_INVALID, FUNCTION_TIMEOUT, FUNCTION_BUSY or SHUTTING_DOWN.
   */
  start(recipe: Recipe): Promise<Instance> {
    return this.#slot(recipe.slot).start(recipe.generation, this.#start(recipe));
  }

  /** Whether an instance that was waited for takes one more call. */
  takes(instance: Instance): boolean {
    const { most } = this.#options.perFunction;
    return !this.#closed && instance.healthy(performance.now()) && instance.load < most;
  }

  /**
   * Starts an instance for one call, which belongs to the caller alone. It ends once that call has,
   * or `graceMs` after it was given up.
   *
   * @throws {AppError} As {@linkcode start}.
   */
  async startAlone(recipe: Recipe, graceMs: number): Promise<Instance> {
    if (this.#closed) throw new AppError("SHUTTING_DOWN", "The server is shutting down");
    return await this.#start(recipe, { graceMs })(recipe.generation);
  }

  /** Takes no more calls, waits at most `graceMs` for those under way, and ends their children. */
  async drain(graceMs: number): Promise<void> {
    this.#closed = true;
    for (const slot of this.#slots.values()) slot.retireAll();
    const alive = [...this.#alive];
    const timer = setTimeout(() => alive.forEach(({ child }) => child.kill()), graceMs);
    for (const instance of alive) instance.retire();
    await Promise.all(alive.map((instance) => instance.child.exited));
    clearTimeout(timer);
  }

  /** Drains, and ends the spare children as well. */
  async close(graceMs: number): Promise<void> {
    await this.drain(graceMs);
    clearInterval(this.#timer);
    await this.#spares.close();
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) this.#slots.set(key, slot = new Slot(this.#options.perFunction));
    return slot;
  }

  readonly #start = (recipe: Recipe, options: InstanceOptions = {}) =>
  async (
    generation: Generation,
  ): Promise<Instance> => {
    this.#makeRoom();
    this.#starting++;
    try {
      return await this.#activate(recipe, generation, options);
    } finally {
      this.#starting--;
      if (!this.#closed) this.#spares.stock(recipe.shape);
    }
  };

  async #activate(
    recipe: Recipe,
    generation: Generation,
    options: InstanceOptions,
  ): Promise<Instance> {
    const child = await this.#spares.take(recipe.shape).catch((cause) => {
      throw new AppError("FUNCTION_CRASHED", "A process for the function could not be started", {
        cause,
      });
    });
    const instance = new Instance(generation, child, options);
    const listener = {
      onLine: (line: OutputLine) => recipe.onLine(line, instance.executionOf(line.callId)),
      onReads: (told: unknown) => instance.noteReads(told),
      onExit: (reason: ExitReason) => this.#onExit(recipe.slot, instance, reason),
    };
    this.#alive.add(instance);
    this.#memory?.watch(child.pid, recipe.memoryBytes, () => {
      child.kill({ kind: "out-of-memory" });
    });
    recipe.onGiven();
    await child.activate(recipe.activation(), recipe.masker(), listener);
    return instance;
  }

  #onExit(slot: string, instance: Instance, reason: ExitReason): void {
    this.#alive.delete(instance);
    this.#memory?.unwatch(instance.child.pid);
    this.#slots.get(slot)?.remove(instance);
    this.#options.onExit?.(slot, reason);
  }

  /** Ends the longest unused child when there are as many as there may be. */
  #makeRoom(): void {
    if (this.#alive.size + this.#starting < this.#options.maxChildren) return;
    let oldest: Instance | undefined;
    for (const instance of this.#alive) {
      if (instance.load > 0 || instance.retiring) continue;
      if (oldest === undefined || instance.lastUsed < oldest.lastUsed) oldest = instance;
    }
    if (oldest === undefined) {
      throw new AppError("FUNCTION_BUSY", "All processes for functions are in use", {
        headers: { "retry-after": "1" },
      });
    }
    oldest.retire();
  }

  #sweep(): void {
    const now = performance.now();
    for (const instance of this.#alive) {
      instance.sweep(now);
      if (instance.load === 0 && now - instance.lastUsed > this.#options.idleMs) instance.retire();
    }
  }
}
