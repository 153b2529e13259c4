/**
 * What is run, with which limits, and where its code and values come from: the runner's ports.
 *
 * @module
 */
import type { Injection } from "../resolve/injection.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import type { FunctionSettings } from "./code/settings.ts";
import type { CallLimits } from "./active_call.ts";

/** A function's code, bundled to one module. */
export interface Code {
  readonly code: string;
  /** SHA-256 of the code, hex. */
  readonly hash: string;
  /** What the function says about itself; left out when it says nothing. */
  readonly settings?: FunctionSettings;
}

/**
 * Where code comes from. Here as below, `now` is the time of `performance.now()`, for who has just
 * read it: a call asks for several things at once.
 */
export interface CodeProvider {
  /** The current code if that is known without waiting. */
  peek(name: string, namespace: Namespace | null, now?: number): Code | undefined;
  /** @throws {AppError} FUNCTION_NOT_FOUND or FUNCTION_INVALID. */
  get(name: string, namespace: Namespace | null): Promise<Code>;
}

/** Where values come from; the resolver. */
export interface InjectionProvider {
  cached(namespace: Namespace | null, now?: number): Injection | undefined;
  resolve(namespace: Namespace | null): Promise<Injection>;
}

/** Where the settings of users come from; the resolver of settings. */
export interface UserSettingsProvider {
  cached(userId: UserId, now?: number): ResolvedSettings | undefined;
  resolve(userId: UserId): Promise<ResolvedSettings>;
}

/** What is to be run, for whom. */
export interface Target {
  readonly name: string;
  readonly namespace: Namespace | null;
  /** Id of the principal that calls; null for nobody in particular. */
  readonly principal: string | null;
  readonly requestId: string;
  /** Whose settings the code may read; left out for nobody's. */
  readonly userId?: UserId | undefined;
}

/** Limits of every function that says nothing about itself. */
export interface RunLimits extends CallLimits {
  /** Most resident memory of one child, bytes. */
  readonly memoryBytes: number;
  /** Longest request body, bytes. */
  readonly bodyBytes: number;
}
