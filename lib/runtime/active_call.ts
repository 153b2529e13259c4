/**
 * A call in an instance: when it began, how it ended, and what it has read.
 *
 * @module
 */
import type { Call, CallEnd } from "./call_stream.ts";
import type { ReadWords } from "./reads.ts";

/** Time limits of a call, ms. */
export interface CallLimits {
  /** From the request to the head of the response. */
  readonly answerMs: number;
  /** From the request to the end of the response's body. */
  readonly streamMs: number;
}

/** A call that was sent, or is about to be. */
export class ActiveCall {
  readonly executionId: string;
  readonly limits: CallLimits;
  /** Set when the time limit ended the call. */
  timedOut = false;
  #call: Call | undefined;
  #caller: () => AbortSignal;
  #watched = false;
  #end: CallEnd | undefined;
  #reads: ReadWords | null = null;
  #onEnd: ((end: CallEnd) => void) | undefined;

  /** @param caller The caller's signal, looked at only once the call takes longer than a sweep. */
  constructor(executionId: string, limits: CallLimits, caller: () => AbortSignal) {
    this.executionId = executionId;
    this.limits = limits;
    this.#caller = caller;
  }

  /** The call in the child. */
  get call(): Call {
    return this.#call!;
  }

  /** Whether it is over. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Which values it had read when it ended, with those that the child's code read outside of any
   * call until then; null when its child has told nothing. At least these, for a call that ended
   * before its time.
   */
  get reads(): ReadWords | null {
    return this.#reads;
  }

  /** Resolves when the response's body has ended or the call has failed. */
  get ended(): Promise<CallEnd> {
    return new Promise((resolve) => this.whenEnded(resolve));
  }

  /** Has one listener told once the call has ended; at once if it has. */
  whenEnded(listener: (end: CallEnd) => void): void {
    if (this.#end !== undefined) listener(this.#end);
    else this.#onEnd = listener;
  }

  /** Names the call in the child. */
  sent(call: Call): void {
    this.#call = call;
  }

  /** Notes the end. */
  finish(end: CallEnd, reads: ReadWords | null): void {
    this.#end = end;
    this.#reads = reads;
    this.#onEnd?.(end);
  }

  /** Gives the call up when its caller goes away. */
  watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    if (this.call.answered) return;
    const signal = this.#caller();
    if (signal.aborted) this.call.cancel();
    else signal.addEventListener("abort", () => this.call.cancel(), { once: true });
  }
}
