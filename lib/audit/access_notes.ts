/**
 * Notes of who was given which values and who read them, as records of the audit.
 *
 * A busy function reads the same secrets thousands of times a second. So the first time is noted at
 * once, and for a minute from then on what is alike is only counted; one record at its end stands
 * for all of it.
 *
 * @module
 */
import type { AuditEntry, AuditSink } from "./entry.ts";

/** Who gets values: a function or a job. */
export interface Consumer {
  readonly kind: "function" | "job";
  readonly name: string;
  readonly namespace: string | null;
}

/** A value, by what it is called. */
export interface UsedValue {
  readonly name: string;
  readonly scope: "environment" | "namespace" | "global" | "system" | "user";
  readonly version: number | null;
}

/** Values that a process is about to get. */
export interface GivenValues extends Consumer {
  /** The only run that the process is for; null when it serves whatever comes. */
  readonly executionId: string | null;
  readonly secrets: readonly UsedValue[];
}

/** A finished run. */
export interface FinishedRun extends Consumer {
  readonly id: string;
  readonly startedAt: Date;
  readonly reads: readonly UsedValue[] | null;
}

/** Options of {@linkcode AccessNotes}. */
export interface AccessNotesOptions {
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** For how long what is alike is counted, ms. Default a minute. */
  readonly windowMs?: number;
}

/** How often windows are looked at, ms. */
const SWEEP_MS = 5_000;
const WINDOW_MS = 60_000;
/** Windows that are open at once; the oldest is closed for one more. */
export const MAX_WINDOWS = 10_000;
/** Runs that one record names. */
export const MAX_NAMED_RUNS = 20;

/** What happened alike since a window was opened. */
interface Window {
  readonly key: string;
  readonly entry: Omit<AuditEntry, "at" | "count" | "executionId" | "detail">;
  readonly detail: NonNullable<AuditEntry["detail"]>;
  open: boolean;
  /** Epoch milliseconds at which it is closed. */
  until: number;
  /** How often it happened since the first time, which has a record of its own. */
  count: number;
  /** When it happened last, epoch milliseconds. */
  last: number;
  runs: string[];
}

/** Counts what is alike, and hands on what is to be recorded. Never waits, never throws. */
export class AccessNotes {
  readonly #sink: AuditSink;
  readonly #now: () => number;
  readonly #windowMs: number;
  /** Open windows by what makes things alike, the oldest first. */
  readonly #windows = new Map<string, Window>();
  /** The windows of a list of reads, so that a call which reads what others read builds no key. */
  readonly #known = new WeakMap<readonly UsedValue[], readonly Window[]>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(sink: AuditSink, { now = Date.now, windowMs = WINDOW_MS }: AccessNotesOptions = {}) {
    this.#sink = sink;
    this.#now = now;
    this.#windowMs = windowMs;
  }

  /** A process gets values. */
  given(values: GivenValues): void {
    const { executionId, secrets } = values;
    for (const value of secrets) {
      this.#count(windowOf("inject", values, value), executionId, this.#now());
    }
  }

  /** A run has ended: what it read is noted. Its list of reads must not belong to another function. */
  finished(run: FinishedRun): void {
    const { id, reads } = run;
    if (reads === null || reads.length === 0) return;
    let windows = this.#known.get(reads);
    if (windows === undefined) {
      windows = reads.map((value) => windowOf("read", run, value));
      this.#known.set(reads, windows);
    }
    const now = this.#now();
    for (const window of windows) this.#count(window, id, now);
  }

  /** Hands on everything that was counted. */
  flush(): void {
    for (const window of [...this.#windows.values()]) this.#close(window);
  }

  /** Hands on everything, and ends. */
  close(): void {
    this.flush();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** @param found A window for this, open or not. */
  #count(found: Window, run: string | null, now: number): void {
    // Another list of the same function may have opened one for it.
    const window = found.open ? found : this.#windows.get(found.key);
    if (window === undefined || now >= window.until) return this.#open(found, run, now);
    window.count++;
    window.last = now;
    if (run !== null && window.runs.length < MAX_NAMED_RUNS) window.runs.push(run);
  }

  #open(window: Window, run: string | null, now: number): void {
    const before = this.#windows.get(window.key);
    if (before !== undefined) this.#close(before);
    if (this.#windows.size >= MAX_WINDOWS) this.#close(this.#windows.values().next().value!);
    window.open = true;
    window.until = now + this.#windowMs;
    this.#windows.set(window.key, window);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sink.note({
      ...window.entry,
      executionId: run,
      at: new Date(now),
      count: 1,
      detail: window.detail,
    });
  }

  #close(window: Window): void {
    this.#windows.delete(window.key);
    window.open = false;
    const { entry, detail, count, last, runs } = window;
    if (count === 0) return;
    window.count = 0;
    window.runs = [];
    this.#sink.note({
      ...entry,
      executionId: null,
      at: new Date(last),
      count,
      detail: { ...detail, ...(runs.length > 0 && { executions: runs }) },
    });
  }

  #sweep(): void {
    const now = this.#now();
    for (const window of this.#windows.values()) {
      if (now < window.until) break;
      this.#close(window);
    }
    if (this.#windows.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function windowOf(
  what: "inject" | "read",
  { kind, name, namespace }: Consumer,
  value: UsedValue,
): Window {
  const isSetting = value.scope === "system" || value.scope === "user";
  const action = `${isSetting ? "setting" : "secret"}.${what}`;
  const { scope, version } = value;
  return {
    key: JSON.stringify([action, kind, namespace, name, scope, value.name, version]),
    entry: {
      action,
      actor: { id: name, kind, address: null, requestId: null },
      namespace: scope === "namespace" ? namespace : null,
      name: value.name,
      version,
    },
    detail: { scope, ...(namespace !== null && { namespace }) },
    open: false,
    until: 0,
    count: 0,
    last: 0,
    runs: [],
  };
}
