/**
 * A child that serves one function with one code version and one set of values, and its calls.
 *
 * @module
 */
import { ActiveCall, type CallLimits } from "./active_call.ts";
import type { RequestBody, RequestHead } from "./call_stream.ts";
import type { Child } from "./child.ts";
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import { CallTable } from "./guest/call_table.mjs";
import type { Masker } from "./mask/masker.ts";
import { addReads, NO_READS, type ReadWords } from "./reads.ts";

/** What an instance was made of; equal text means the same code, values and rights. */
export type Generation = string & { readonly __brand: "Generation" };

/** Which execution a call's number stood for. */
interface Remembered {
  readonly callId: number;
  readonly executionId: string;
}

/** How many finished calls are remembered, so that their last lines find their execution. */
const REMEMBERED = 512;
/** A child that owes a sign of life for so long gets no new calls, ms. */
export const STALLED_MS = 1_000;

/** A child that was given this many values of users is replaced, so that their masks don't pile up. */
export const WORN_VALUES = 2_000;

/** Options of an {@linkcode Instance}. */
export interface InstanceOptions {
  /** How long a call that was given up may still run before its child is killed, ms. Default 0. */
  readonly graceMs?: number;
}

const NOBODY: Pick<RequestHead, "settings"> = Object.freeze({});

/** A child put to use. */
export class Instance {
  readonly generation: Generation;
  readonly child: Child;
  readonly #graceMs: number;
  readonly #calls = new CallTable<ActiveCall>();
  readonly #executions = new Array<Remembered | undefined>(REMEMBERED);
  #retiring = false;
  #gaveUp = false;
  #lastUsed = performance.now();
  /** What was read outside of any call and is filed under no execution yet. */
  #ownReads: ReadWords = NO_READS;

  constructor(generation: Generation, child: Child, { graceMs = 0 }: InstanceOptions = {}) {
    this.generation = generation;
    this.child = child;
    this.#graceMs = graceMs;
  }

  /** When its last call ended, milliseconds of `performance.now()`. */
  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** Calls under way. */
  get load(): number {
    return this.#calls.size;
  }

  /** Whether it is being drained. */
  get retiring(): boolean {
    return this.#retiring;
  }

  /** Whether it takes new calls and answered the last sign of life asked for. */
  healthy(now: number): boolean {
    return !this.#retiring && this.child.connected && this.child.silentFor(now) < STALLED_MS;
  }

  /** Whether another one should take its place. */
  get worn(): boolean {
    return this.child.masker.added >= WORN_VALUES;
  }

  /** Masks everything that its child was given. */
  get masker(): Masker {
    return this.child.masker;
  }

  /** What names `settings` in the head of the next call. */
  settingsOf(settings: ResolvedSettings): Pick<RequestHead, "settings"> {
    if (settings.values.size === 0) return NOBODY;
    return { settings: () => this.child.numberOf(settings) };
  }

  /** Sends a call. */
  call(
    executionId: string,
    head: RequestHead,
    body: RequestBody,
    limits: CallLimits,
    caller: () => AbortSignal,
  ): ActiveCall {
    const callId = this.child.nextCallId;
    this.#remember(callId, executionId);
    const active = new ActiveCall(executionId, limits, caller);
    const call = this.child.call(head, body, (end, told) => {
      if (end === "cancelled") this.#gaveUp = true;
      const reads = this.#takeReads(told);
      this.#calls.delete(callId);
      this.#lastUsed = performance.now();
      this.#endWhenDrained();
      active.finish(end, reads);
    });
    active.sent(call);
    // A channel that is closed already has ended the call by now.
    if (!active.over) this.#calls.add(callId, active);
    return active;
  }

  /** The execution that a call number in the child's output stands for. */
  executionOf(callId: number): string | null {
    const known = this.#executions[callId % REMEMBERED];
    if (known?.callId === callId) return known.executionId;
    if (this.#calls.size !== 1) return null;
    const [only] = this.#calls.values();
    return only!.executionId;
  }

  /** Notes what its child read outside of any call: it belongs to the next call that ends. */
  noteReads(told: unknown): void {
    this.#ownReads = addReads(this.#ownReads, told);
  }

  /** Takes no more calls, and ends once those under way have ended. */
  retire(): void {
    this.#retiring = true;
    this.#endWhenDrained();
  }

  /**
   * Looks after calls that take long: aborts that came, time limits that passed, and whether the
   * child's event loop still turns. Called every few dozen milliseconds, so that a short call costs
   * no timer and no listener.
   */
  sweep(now: number): void {
    if (this.#calls.size === 0) return;
    this.child.ping();
    for (const active of this.#calls.values()) {
      active.watch();
      const { limits, call } = active;
      const limit = call.answered ? limits.streamMs : limits.answerMs;
      if (now - call.startedAt >= limit) this.#expire(active, now);
    }
  }

  /**
   * Ends a call that ran out of time. What it began may still be running, so the child gets no new
   * calls; one whose event loop is blocked is ended at once, since nothing in it goes on.
   */
  #expire(active: ActiveCall, now: number): void {
    active.timedOut = true;
    active.call.cancel();
    if (this.child.silentFor(now) >= STALLED_MS / 2) this.child.kill({ kind: "stuck" });
    this.retire();
  }

  #endWhenDrained(): void {
    // A child that is gone already has a reason of its own.
    if (!this.#retiring || this.#calls.size > 0 || !this.child.connected) return;
    if (this.#gaveUp && this.#graceMs > 0) this.#endAfterGrace();
    else this.child.retire();
  }

  /** What was given up learns of it by its signal, and may put things in order. */
  #endAfterGrace(): void {
    this.child.letEnd();
    const timer = setTimeout(() => this.child.kill(), this.#graceMs);
    this.child.exited.then(() => clearTimeout(timer));
  }

  #takeReads(told: ReadWords | null): ReadWords | null {
    const own = this.#ownReads;
    if (own.length === 0) return told;
    this.#ownReads = NO_READS;
    return addReads(own, told ?? NO_READS);
  }

  #remember(callId: number, executionId: string): void {
    this.#executions[callId % REMEMBERED] = { callId, executionId };
  }
}
