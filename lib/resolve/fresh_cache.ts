/**
 * A bounded cache that never answers with something it knows, or must assume, to be old.
 *
 * @module
 */

/** The two clocks; tests put their own in. */
export interface Clock {
  /** Epoch milliseconds. */
  wall(): number;
  /** Milliseconds since some start; never goes back. */
  monotonic(): number;
}

/** The clocks of the machine. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Options of a {@linkcode FreshCache}. */
export interface FreshCacheOptions<V> {
  /**
   * Reads a value, given the one held so far. Returning `previous` itself means that it is still
   * current. What it throws goes to the callers and is never kept.
   */
  load(key: string, previous: V | undefined): Promise<V>;
  /** Epoch milliseconds from which on a value may not be used at all. */
  validUntil(value: V): number;
  /** How long a value counts as current after a check began, in ms. `Infinity`: until invalidated. */
  freshMs?: number;
  /** How long after its last check a value may be used while `load` fails by an outage, in ms. */
  maxStaleMs?: number;
  /** Tells an outage, for which a stale value may stand in, from a real answer. */
  isOutage?(error: unknown): boolean;
  /** Called when a check failed and a value of `ageMs` stands in. */
  onStale?(key: string, ageMs: number): void;
  /** How many keys are held; the least recently used goes first. Default 1,000. */
  max?: number;
  clock?: Clock;
}

/** What is held for one key. */
interface Slot<V> {
  value: V | undefined;
  /** Monotonic time at which the last successful check began. */
  checkedAt: number;
  usedAt: number;
  /** Counts invalidations; a load of an older generation changes nothing here. */
  generation: number;
  /** Whether the last check ended in an outage. */
  failing: boolean;
  /** Whether it must be checked before it counts as current again. */
  doubted: boolean;
  flight: Promise<V> | undefined;
}

/**
 * The rule: a caller that comes after {@linkcode FreshCache.invalidate} never gets what was read
 * before it. Concurrent callers share one load. A busy key is checked again in the background at
 * half its time, so its callers seldom wait.
 */
export class FreshCache<V> {
  readonly #options: FreshCacheOptions<V>;
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #max: number;
  readonly #slots = new Map<string, Slot<V>>();

  constructor(options: FreshCacheOptions<V>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#freshMs = options.freshMs ?? Infinity;
    this.#max = options.max ?? 1_000;
  }

  /** How many keys are held. */
  get size(): number {
    return this.#slots.size;
  }

  /** What is held for `key`, however old; never waits. For telling whether it was seen before. */
  held(key: string): V | undefined {
    return this.#slots.get(key)?.value;
  }

  /**
   * The value of `key` if it is certainly current; never waits.
   *
   * @param now The monotonic time, for who has read it just now and asks for several things.
   */
  peek(key: string, now: number = this.#clock.monotonic()): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.value === undefined || slot.doubted) return undefined;
    const age = now - slot.checkedAt;
    if (age >= this.#freshMs || !this.#isValid(slot.value)) return undefined;
    slot.usedAt = now;
    if (age * 2 >= this.#freshMs && slot.flight === undefined) this.#checkBehind(key, slot);
    return slot.value;
  }

  /**
   * The value of `key`, checked or read first if it isn't certainly current.
   *
   * @throws What `load` throws.
   */
  async get(key: string): Promise<V> {
    const current = this.peek(key);
    if (current !== undefined) return current;
    const slot = this.#slot(key);
    const standIn = slot.failing ? this.#standIn(slot) : undefined;
    if (standIn === undefined) return await this.#load(key, slot);
    // During a known outage nobody waits for the next failure; one attempt goes on behind.
    this.#checkBehind(key, slot);
    return standIn;
  }

  /** Forgets `key`, or everything (`null`). What is being read now satisfies no later caller. */
  invalidate(key: string | null): void {
    for (const slot of this.#affected(key)) {
      slot.generation++;
      slot.value = undefined;
      slot.flight = undefined;
      slot.failing = false;
    }
  }

  /**
   * Has `key`, or everything (`null`), checked before it is given out again, since it may have
   * changed: a write ended in an error, or news may have been missed. Other than an invalidated
   * value, which is known to be old, a doubted one may stand in during an outage.
   */
  doubt(key: string | null): void {
    for (const slot of this.#affected(key)) {
      slot.generation++;
      slot.doubted = true;
      slot.flight = undefined;
    }
  }

  #affected(key: string | null): Iterable<Slot<V>> {
    if (key === null) return this.#slots.values();
    const slot = this.#slots.get(key);
    return slot === undefined ? [] : [slot];
  }

  #isValid(value: V): boolean {
    const until = this.#options.validUntil(value);
    return until === Infinity || this.#clock.wall() < until;
  }

  #slot(key: string): Slot<V> {
    const usedAt = this.#clock.monotonic();
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      if (this.#slots.size >= this.#max) this.#evict();
      const empty = { value: undefined, flight: undefined, failing: false, doubted: false };
      slot = { ...empty, checkedAt: -Infinity, usedAt, generation: 0 };
      this.#slots.set(key, slot);
    }
    slot.usedAt = usedAt;
    return slot;
  }

  /** A scan, so that a hit costs one number instead of moving an entry to the end of the map. */
  #evict(): void {
    let oldest: [key: string, usedAt: number] | undefined;
    for (const [key, { usedAt }] of this.#slots) {
      if (oldest === undefined || usedAt < oldest[1]) oldest = [key, usedAt];
    }
    if (oldest !== undefined) this.#slots.delete(oldest[0]);
  }

  #standIn(slot: Slot<V>): V | undefined {
    const { value, checkedAt } = slot;
    if (value === undefined || !this.#isValid(value)) return undefined;
    const age = this.#clock.monotonic() - checkedAt;
    return age < (this.#options.maxStaleMs ?? 0) ? value : undefined;
  }

  #checkBehind(key: string, slot: Slot<V>): void {
    this.#load(key, slot).catch(() => {
      // The next caller that finds no current value gets the error of its own attempt.
    });
  }

  #load(key: string, slot: Slot<V>): Promise<V> {
    return slot.flight ??= this.#fly(key, slot);
  }

  async #fly(key: string, slot: Slot<V>): Promise<V> {
    const { generation, value } = slot;
    const startedAt = this.#clock.monotonic();
    const previous = value !== undefined && this.#isValid(value) ? value : undefined;
    try {
      const loaded = await this.#options.load(key, previous);
      if (slot.generation !== generation) return loaded;
      slot.value = loaded;
      slot.checkedAt = startedAt;
      slot.failing = false;
      slot.doubted = false;
      return loaded;
    } catch (error) {
      if (slot.generation !== generation) throw error;
      return this.#fallBack(key, slot, error);
    } finally {
      if (slot.generation === generation) slot.flight = undefined;
    }
  }

  /** After a failed check: the held value during an outage, else the error. */
  #fallBack(key: string, slot: Slot<V>, error: unknown): V {
    slot.failing = this.#options.isOutage?.(error) ?? false;
    // A real answer, such as "revoked" or "does not verify", ends the old value at once.
    if (!slot.failing) slot.value = undefined;
    // Keys that lead to nothing must not push out those that do.
    if (slot.value === undefined && this.#slots.get(key) === slot) this.#slots.delete(key);
    const standIn = this.#standIn(slot);
    if (standIn === undefined) throw error;
    this.#options.onStale?.(key, this.#clock.monotonic() - slot.checkedAt);
    return standIn;
  }
}
