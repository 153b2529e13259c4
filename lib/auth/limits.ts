/**
 * Rates and locks, in bounded memory: before anything is looked up and before a body is read.
 *
 * Each process counts for itself. What a key that is known to be good may do is limited only where
 * that is configured, so the calls of functions pay nothing for the rest of this.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { BoundedMap, Bucket } from "./bucket.ts";

/** What is limited. Each is off at 0. */
export interface LimitSettings {
  /** Requests a second with one key or token. */
  readonly perKey: number;
  /** Attempts a second from one address that don't show a good key. */
  readonly perAddress: number;
  /** Failed attempts from one address, or for one key, after which it is locked. */
  readonly failures: number;
}

/** What a process is started with when nothing is configured. */
export const DEFAULT_LIMITS: LimitSettings = { perKey: 0, perAddress: 20, failures: 10 };

/** A run of failures. */
interface Failures {
  count: number;
  lockedUntil: number;
}

const SECOND_MS = 1_000;
/** The longest locks, ms. A key's is short, since its id is no secret and anybody could lock it. */
const MAX_ADDRESS_LOCK_MS = 15 * 60 * SECOND_MS;
const MAX_KEY_LOCK_MS = 60 * SECOND_MS;
/** After this time without a failure, a run of them is forgotten, ms. */
const FORGET_MS = 15 * 60 * SECOND_MS;
/** How many seconds' worth of attempts may come at once. */
const BURST_SECONDS = 5;
const MAX_ENTRIES = 10_000;

/** Counts attempts and says no. */
export class Limits {
  readonly #settings: LimitSettings;
  readonly #now: () => number;
  readonly #attempts = new BoundedMap<Bucket>(MAX_ENTRIES);
  readonly #requests = new BoundedMap<Bucket>(MAX_ENTRIES);
  readonly #failures = new BoundedMap<Failures>(MAX_ENTRIES);

  /** @param now Milliseconds of a clock that never goes back. */
  constructor(settings: LimitSettings, now: () => number = () => performance.now()) {
    this.#settings = settings;
    this.#now = now;
  }

  /**
   * Lets an attempt to authenticate begin.
   *
   * @param address `null` when it isn't known; all such attempts count as one address's.
   * @param keyId The id in the key that is shown, if it has one.
   * @throws {AppError} RATE_LIMITED with `retry-after` in seconds.
   */
  begin(address: string | null, keyId: string | null): void {
    const now = this.#now();
    this.#refuseLocked(addressName(address), now);
    if (keyId !== null) this.#refuseLocked(keyName(keyId), now);
    const { perAddress } = this.#settings;
    if (perAddress > 0) this.#take(this.#attempts, addressName(address), perAddress, now);
  }

  /** Notes that an attempt showed a good key, or could not be decided: it doesn't count. */
  succeed(address: string | null): void {
    this.#attempts.get(addressName(address))?.giveBack();
  }

  /** Notes that an attempt failed. */
  fail(address: string | null, keyId: string | null): void {
    const now = this.#now();
    this.#count(addressName(address), MAX_ADDRESS_LOCK_MS, now);
    if (keyId !== null) this.#count(keyName(keyId), MAX_KEY_LOCK_MS, now);
  }

  /**
   * Counts a request of somebody who is known.
   *
   * @throws {AppError} RATE_LIMITED with `retry-after` in seconds.
   */
  spend(principalId: string): void {
    const { perKey } = this.#settings;
    if (perKey > 0) this.#take(this.#requests, principalId, perKey, this.#now());
  }

  #take(buckets: BoundedMap<Bucket>, name: string, rate: number, now: number): void {
    let bucket = buckets.get(name);
    if (bucket === undefined) {
      bucket = new Bucket(rate, rate * BURST_SECONDS, now);
      buckets.set(name, bucket);
    }
    const waitMs = bucket.take(now);
    if (waitMs > 0) throw tooMany(waitMs);
  }

  #refuseLocked(name: string, now: number): void {
    const entry = this.#failures.get(name);
    if (entry !== undefined && entry.lockedUntil > now) throw tooMany(entry.lockedUntil - now);
  }

  #count(name: string, maxLockMs: number, now: number): void {
    const { failures } = this.#settings;
    if (failures === 0) return;
    const before = this.#failures.get(name);
    const goesOn = before !== undefined && now - before.lockedUntil < FORGET_MS;
    const count = (goesOn ? before.count : 0) + 1;
    const excess = count - failures;
    const lockMs = excess < 0 ? 0 : Math.min(SECOND_MS * 2 ** excess, maxLockMs);
    this.#failures.set(name, { count, lockedUntil: now + lockMs });
  }
}

/** Whoever has an IPv6 network has all of its 2^64 addresses (RFC 4291 §2.5.4). */
function addressName(address: string | null): string {
  if (address === null || !address.includes(":")) return `a ${address}`;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return `a ${mapped?.[1] ?? networkOf(address)}`;
}

/** The first 64 bits of an IPv6 address. */
function networkOf(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}

function keyName(keyId: string): string {
  return `k ${keyId}`;
}

function tooMany(waitMs: number): AppError {
  return new AppError("RATE_LIMITED", "Too many requests", {
    headers: { "retry-after": String(Math.max(1, Math.ceil(waitMs / SECOND_MS))) },
  });
}
