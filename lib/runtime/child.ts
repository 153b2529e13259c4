/**
 * One child: a Deno process, its socket, its output and the calls in it.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Call, OnEnd, RequestBody, RequestHead } from "./call_stream.ts";
import { Channel } from "./channel.ts";
import { type ExitReason, exitReasonOf } from "./exit_reason.ts";
import { GivenSettings } from "./given_settings.ts";
import { GrowingMasker } from "./mask/growing_masker.ts";
import { createMasker, type Masker } from "./mask/masker.ts";
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import { newMark, type OutputLine, readOutput } from "./output.ts";
import type { ChildShape } from "./permissions.ts";
import { spawn, type Spawned, type SpawnHost } from "./spawn.ts";

/** Which job's run a child is for. */
export interface JobIdentity {
  readonly id: string;
  readonly name: string;
  readonly namespace: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/** What a child is given to become a function's or a job's. */
export interface Activation {
  /** The bundled module. */
  readonly code: string;
  /** The environment that user code sees; plaintext. */
  readonly env: Readonly<Record<string, string>>;
  /** Set when the code is a job's: it is called with a payload instead of a request. */
  readonly job?: JobIdentity;
  /** What `secrets.get` knows: name in upper case → plaintext. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What `secrets.getSystem` knows: the system's settings by name → plaintext. */
  readonly system: Readonly<Record<string, string>>;
  /** Where the child serves one caller only, what `secrets.getUser` knows: that user's settings. */
  readonly user?: Readonly<Record<string, string>>;
}

/** What a child tells its owner. */
export interface ChildListener {
  onLine(line: OutputLine): void;
  /** Its code has read values outside of any call; see `reads.ts`. */
  onReads(told: unknown): void;
  onExit(reason: ExitReason): void;
}

/** How long loading the code may take, ms. */
const ACTIVATE_DEADLINE_MS = 30_000;
/** How much of stderr is remembered to tell why a child ended, characters. */
const TAIL = 2_048;
const NOTHING_MASKED = createMasker([]);

/** A running child. */
export class Child {
  readonly #spawned: Spawned;
  readonly #channel: Channel;
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<ExitReason>();
  #listener: ChildListener | undefined;
  #output: Promise<unknown> | undefined;
  #masker = new GrowingMasker(NOTHING_MASKED);
  #settings: GivenSettings;
  #reason: ExitReason | undefined;
  #tail = "";
  #pingedAt: number | undefined;

  /** Starts a spare child: connected, without code. */
  static async spawn(host: SpawnHost, shape: ChildShape): Promise<Child> {
    return new Child(await spawn(host, shape));
  }

  private constructor(spawned: Spawned) {
    this.#spawned = spawned;
    this.#ready.promise.catch(() => {});
    this.#channel = new Channel(spawned.connection, {
      onReady: () => this.#ready.resolve(),
      onReject: (reason) => this.#ready.reject(loadError(reason)),
      onPong: () => this.#pingedAt = undefined,
      onReads: (told) => this.#listener?.onReads(told),
      onClosed: () => this.kill(),
    });
    this.#settings = new GivenSettings(this.#channel, this.#masker);
    this.#awaitExit();
  }

  /** The operating system's process id. */
  get pid(): number {
    return this.#spawned.process.pid;
  }

  /** Resolves with why the child ended, once it has and its output is read. */
  get exited(): Promise<ExitReason> {
    return this.#exited.promise;
  }

  /** Whether its socket is open, so that a call can reach it. */
  get connected(): boolean {
    return this.#channel.open;
  }

  /** Masks everything that the child was given, users' settings too. */
  get masker(): GrowingMasker {
    return this.#masker;
  }

  /** The number that the next call will have in log lines. */
  get nextCallId(): number {
    return this.#channel.nextId;
  }

  /**
   * Hands over code and values, and waits until the code is loaded. Once only.
   *
   * @param masker Masks what is handed over.
   * @throws {AppError} FUNCTION_INVALID when the code has no handler or throws while it loads.
   */
  async activate(activation: Activation, masker: Masker, listener: ChildListener): Promise<void> {
    const mark = newMark();
    this.#listener = listener;
    this.#masker = new GrowingMasker(masker);
    this.#settings = new GivenSettings(this.#channel, this.#masker);
    this.#startOutput(mark);
    this.#channel.activate({ ...activation, mark });
    const timer = setTimeout(() => {
      this.#ready.reject(
        new AppError("FUNCTION_TIMEOUT", "The function's code did not load in time"),
      );
      this.kill({ kind: "stuck" });
    }, ACTIVATE_DEADLINE_MS);
    try {
      await this.#ready.promise;
    } catch (error) {
      this.kill();
      await this.#exited.promise;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The number by which a request names these settings; see {@linkcode GivenSettings}. */
  numberOf(settings: ResolvedSettings): number {
    return this.#settings.numberOf(settings);
  }

  /** Sends a request; see {@linkcode Channel.call}. */
  call(head: RequestHead, body: RequestBody, onEnd: OnEnd): Call {
    return this.#channel.call(head, body, onEnd);
  }

  /** Asks for a sign of life, unless one is awaited already. */
  ping(): void {
    if (this.#pingedAt !== undefined) return;
    this.#pingedAt = performance.now();
    this.#channel.ping();
  }

  /** For how long the child has owed a sign of life, ms. */
  silentFor(now: number): number {
    return this.#pingedAt === undefined ? 0 : now - this.#pingedAt;
  }

  /** Ends the process at once. The first reason given stands. */
  kill(reason?: ExitReason): void {
    this.#reason ??= reason;
    try {
      this.#spawned.process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  /** Takes its end, whenever it comes, for what was wanted. */
  letEnd(): void {
    this.#reason ??= { kind: "retired" };
  }

  /** Ends an idle child by closing its socket. */
  retire(): void {
    this.#reason ??= { kind: "retired" };
    this.#channel.close();
  }

  #startOutput(mark: string): void {
    const masker = this.#masker;
    const onLine = (line: OutputLine) => this.#listener?.onLine(line);
    const { stdout, stderr } = this.#spawned.process;
    this.#output = Promise.all([
      readOutput(stdout, { mark, masker, level: "info", onLine }),
      readOutput(stderr, {
        mark,
        masker,
        level: "error",
        onLine: (line) => {
          this.#tail = (this.#tail + line.text + "\n").slice(-TAIL);
          onLine(line);
        },
      }),
    ]);
  }

  async #awaitExit(): Promise<void> {
    const status = await this.#spawned.process.status;
    this.#channel.close();
    if (this.#output === undefined) this.#startOutput(newMark());
    await Promise.all([this.#output, this.#spawned.cleared]);
    const reason = this.#reason ?? exitReasonOf(status, this.#tail);
    this.#ready.reject(
      new AppError("FUNCTION_INVALID", "The function's process ended while its code was loading"),
    );
    this.#exited.resolve(reason);
    this.#listener?.onExit(reason);
  }
}

function loadError(reason: "no-handler" | "throws"): AppError {
  return reason === "no-handler"
    ? new AppError(
      "FUNCTION_INVALID",
      "No handler function found. Export a 'default', 'handler' or 'main' function.",
    )
    : new AppError(
      "FUNCTION_INVALID",
      "The function threw while its code was loading; see its log",
    );
}
