/**
 * How often each function was called in each minute.
 *
 * @module
 */
import type { Execution } from "./execution.ts";

/** Calls of one function in one minute. */
export interface InvocationCount {
  readonly name: string;
  readonly namespace: string | null;
  readonly minute: Date;
  calls: number;
  failures: number;
  totalMs: number;
}

const MINUTE_MS = 60_000;

/** The counts since they were last taken. */
export class CallCounts {
  /**
   * By namespace and name, one for each minute in which runs had begun: joining all that to one key
   * would cost more than the rest of counting.
   */
  readonly #counts = new Map<string | null, Map<string, InvocationCount[]>>();

  /** Whether nothing was counted. */
  get empty(): boolean {
    return this.#counts.size === 0;
  }

  /** Counts a run. */
  add({ name, namespace, startedAt, durationMs, outcome }: Execution): void {
    const count = this.#countOf(name, namespace, startedAt.getTime());
    count.calls++;
    count.totalMs += durationMs;
    if (outcome !== "completed") count.failures++;
  }

  /** Takes all counts away. */
  take(): InvocationCount[] {
    const counts = [...this.#counts.values()].flatMap((byName) => [...byName.values()].flat());
    this.#counts.clear();
    return counts;
  }

  #countOf(name: string, namespace: string | null, at: number): InvocationCount {
    let byName = this.#counts.get(namespace);
    if (byName === undefined) this.#counts.set(namespace, byName = new Map());
    let counts = byName.get(name);
    if (counts === undefined) byName.set(name, counts = []);
    for (const count of counts) {
      const from = count.minute.getTime();
      if (at >= from && at < from + MINUTE_MS) return count;
    }
    const minute = new Date(Math.floor(at / MINUTE_MS) * MINUTE_MS);
    const count = { name, namespace, minute, calls: 0, failures: 0, totalMs: 0 };
    counts.push(count);
    return count;
  }
}
