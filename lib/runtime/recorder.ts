/**
 * Records runs and their output in batches, behind the calls: a call never waits for its record.
 *
 * Every call is counted. Single records and lines are kept as long as there are not too many a
 * second, first those of runs that printed something or didn't complete, so that a flood of calls
 * or of output is not also a flood of rows.
 *
 * @module
 */
import { Budget } from "./budget.ts";
import { CallCounts, type InvocationCount } from "./call_counts.ts";
import type { Execution, ExecutionLine, ExecutionSink, GivenValues } from "./execution.ts";
import { readLines } from "./read_lines.ts";

/** What is written at once. */
export interface Batch {
  readonly executions: readonly Execution[];
  readonly lines: readonly ExecutionLine[];
  readonly counts: readonly InvocationCount[];
}

/** Where records go. */
export interface ExecutionStore {
  save(batch: Batch): Promise<void>;
}

/** Options of a {@linkcode Recorder}. */
export interface RecorderOptions {
  /** Time from a record to its writing, ms. Default 250. */
  flushMs?: number;
  /** Told of every run and of all values given, whether or not a record is kept. */
  access?: Pick<ExecutionSink, "given" | "finished">;
  /** Told when records could not be written; they are lost, with their number. */
  onLoss?(records: number, error: unknown): void;
}

/** Records of completed runs without output that are kept: a second, and at once. */
export const QUIET_RECORDS = { perSecond: 50, burst: 100 };
/** Records of other runs that are kept. */
export const LOUD_RECORDS = { perSecond: 200, burst: 1_000 };
/** Lines of output that are kept, of all functions. */
export const LINES = { perSecond: 2_000, burst: 10_000 };
/** Output of one run that is kept, lines and characters. */
export const MAX_LINES = 1_000;
export const MAX_CHARACTERS = 256 * 1024;
/** Records of a kind that wait at most while the store can't take them. */
const MAX_WAITING = 20_000;
/** Runs that wait at most to be settled. */
const MAX_UNSETTLED = 64;
/** Runs whose output is counted at once. */
const MAX_TRACKED = 5_000;

interface Printed {
  lines: number;
  characters: number;
}

/** The recorder. */
export class Recorder implements ExecutionSink {
  readonly #store: ExecutionStore;
  readonly #options: RecorderOptions;
  readonly #printed = new Map<string, Printed>();
  readonly #counts = new CallCounts();
  /** Runs that have finished since it was last settled. */
  readonly #finished: Execution[] = [];
  #executions: Execution[] = [];
  #lines: ExecutionLine[] = [];
  readonly #quiet = new Budget(QUIET_RECORDS.perSecond, QUIET_RECORDS.burst, Date.now);
  readonly #loud = new Budget(LOUD_RECORDS.perSecond, LOUD_RECORDS.burst, Date.now);
  readonly #lineBudget = new Budget(LINES.perSecond, LINES.burst);
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<void> | undefined;

  constructor(store: ExecutionStore, options: RecorderOptions = {}) {
    this.#store = store;
    this.#options = options;
  }

  given(values: GivenValues): void {
    this.#options.access?.given(values);
  }

  finished(execution: Execution): void {
    this.#finished.push(execution);
    // Without this many calls at once, somebody is about to settle.
    if (this.#finished.length >= MAX_UNSETTLED) this.settle();
    this.#schedule();
  }

  settle(): void {
    if (this.#finished.length === 0) return;
    for (const execution of this.#finished) this.#take(execution);
    this.#finished.length = 0;
  }

  #take(execution: Execution): void {
    this.#counts.add(execution);
    this.#options.access?.finished(execution);
    if (this.#worthKeeping(execution)) {
      this.#keep(this.#executions, execution);
      for (const line of readLines(execution)) this.#keepLine(line);
    }
  }

  line(line: ExecutionLine): void {
    const text = line.executionId === null ? line.text : this.#within(line.executionId, line.text);
    if (text === undefined) return;
    this.#keepLine(text === line.text ? line : { ...line, text });
    this.#schedule();
  }

  /** Writes everything that waits. */
  async flush(): Promise<void> {
    // Whoever else flushes at the same time may have begun to write meanwhile.
    while (this.#flushing !== undefined) await this.#flushing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waits()) await (this.#flushing = this.#write());
  }

  #worthKeeping({ id, outcome, startedAt, durationMs }: Execution): boolean {
    // Most have printed nothing, and no run has: then there is nothing to look its id up in.
    const printed = this.#printed.size > 0 && this.#printed.has(id);
    const quiet = outcome === "completed" && !printed;
    return (quiet ? this.#quiet : this.#loud).spend(1, startedAt.getTime() + durationMs);
  }

  #keepLine(line: ExecutionLine): void {
    if (this.#lineBudget.spend(1)) this.#keep(this.#lines, line);
    else this.#dropped++;
  }

  #keep<T>(list: T[], record: T): void {
    if (list.length < MAX_WAITING) list.push(record);
    else this.#dropped++;
  }

  /** The text, a note in its place where the run's output reaches its limit, or nothing beyond. */
  #within(executionId: string, text: string): string | undefined {
    let printed = this.#printed.get(executionId);
    if (printed === undefined) {
      printed = { lines: 0, characters: 0 };
      this.#printed.set(executionId, printed);
      if (this.#printed.size > MAX_TRACKED) {
        this.#printed.delete(this.#printed.keys().next().value!);
      }
    }
    if (printed.lines > MAX_LINES || printed.characters > MAX_CHARACTERS) return undefined;
    printed.lines++;
    printed.characters += text.length;
    const full = printed.lines > MAX_LINES || printed.characters > MAX_CHARACTERS;
    return full ? "[output truncated: the limit of one execution is reached]" : text;
  }

  #waits(): boolean {
    return this.#finished.length + this.#executions.length + this.#lines.length > 0 ||
      !this.#counts.empty;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#write();
    }, this.#options.flushMs ?? 250);
  }

  async #write(): Promise<void> {
    this.settle();
    const batch = {
      executions: this.#executions,
      lines: this.#lines,
      counts: this.#counts.take(),
    };
    this.#executions = [];
    this.#lines = [];
    let lost = this.#dropped;
    this.#dropped = 0;
    let failure: unknown;
    try {
      await this.#store.save(batch);
    } catch (error) {
      failure = error;
      lost += batch.executions.length + batch.lines.length;
    }
    this.#flushing = undefined;
    if (lost > 0) this.#options.onLoss?.(lost, failure);
    if (this.#waits()) this.#schedule();
  }
}
