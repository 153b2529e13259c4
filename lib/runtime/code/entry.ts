/**
 * One function as it is known in memory.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import type { Built } from "./builder.ts";
import { fingerprint } from "./fingerprint.ts";
import type { FunctionCode, Pace } from "./function_code.ts";

const LOOK_EVERY_MS = 500;
const RETRY_MS = 2000;

/** A function's code, or why it has none, and whether that still holds. */
export class Entry {
  /** The code, or the error that callers get. */
  readonly code: FunctionCode | AppError;
  readonly #watch: ReadonlySet<string>;
  readonly #print: string;
  readonly #builtAt: number;
  readonly #root: string;
  #lookedAt: number;
  #stale = false;

  /**
   * @param root The functions directory, absolute.
   * @param now Milliseconds of a clock that only goes forward.
   */
  constructor(code: FunctionCode | AppError, built: Built, root: string, now: number) {
    this.code = code;
    this.#watch = new Set(built.watch);
    this.#print = built.print;
    this.#root = root;
    this.#builtAt = now;
    this.#lookedAt = now;
  }

  /** Whether callers may have this; looks at the files when the last look is long ago. */
  isFresh(now: number, pace: Pace): boolean {
    if (this.#stale) return false;
    const failed = this.code instanceof AppError;
    if (failed && now - this.#builtAt >= (pace.retryMs ?? RETRY_MS)) return false;
    return now - this.#lookedAt < (pace.lookEveryMs ?? LOOK_EVERY_MS) || this.look(now);
  }

  /** Looks at the files, and tells whether they are what this was built from. */
  look(now: number): boolean {
    this.#lookedAt = now;
    this.#stale ||= fingerprint(this.#root, [...this.#watch]) !== this.#print;
    return !this.#stale;
  }

  /** Takes a report that files were touched; relative to the root. */
  touch(files: Iterable<string>): void {
    for (const file of files) if (this.#watch.has(file)) this.#stale = true;
    // A folder that was moved is reported by its own name alone.
    this.#lookedAt = -Infinity;
  }
}
