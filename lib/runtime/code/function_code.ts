/**
 * What the source of code gives, reports and is told.
 *
 * @module
 */
import type { AppError } from "../../errors.ts";
import type { Bundle, BundleOptions } from "./bundle.ts";

/** A function's code and what it is called. */
export interface FunctionCode extends Bundle {
  readonly name: string;
  readonly namespace: string | null;
}

/** A function was built. */
export interface BuiltEvent {
  readonly type: "built";
  readonly name: string;
  readonly namespace: string | null;
  readonly hash: string;
  /** Whether it came from the disk cache. */
  readonly cached: boolean;
  /** Milliseconds that it took. */
  readonly durationMs: number;
}

/** A function could not be built. */
export interface FailedEvent {
  readonly type: "failed";
  readonly name: string;
  readonly namespace: string | null;
  readonly error: AppError;
}

/** What a source of code reports. */
export type CodeEvent =
  | BuiltEvent
  | FailedEvent
  /** Files were touched; relative to the functions directory. */
  | { readonly type: "touched"; readonly files: readonly string[] }
  /** The file system doesn't report changes; they are found by looking only. */
  | { readonly type: "unwatched"; readonly error: unknown }
  /** A bundle could not be kept on disk. */
  | { readonly type: "uncached"; readonly error: unknown };

/** How often files are looked at. */
export interface Pace {
  /** Milliseconds between two looks at one function's files. 500 when left out. */
  readonly lookEveryMs?: number;
  /** Milliseconds until a function that failed is tried again unchanged. 2,000 when left out. */
  readonly retryMs?: number;
}

/** Options of a source of code. */
export interface CodeSourceOptions extends Omit<BundleOptions, "signal" | "npmCache">, Pace {
  /** What the files hold, for messages. `Function` when left out. */
  readonly noun?: "Function" | "Job";
  /** How many functions are built at once. 2 when left out. */
  readonly concurrency?: number;
  /** Called with what happens; must not throw. */
  readonly onEvent?: (event: CodeEvent) => void;
}
