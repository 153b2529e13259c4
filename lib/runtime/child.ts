/**
 * One child: a Deno process, its socket, its output and the calls in it.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Call, type CallEnd, Channel, type RequestBody, type RequestHead } from "./channel.ts";
import { type ExitReason, exitReasonOf } from "./exit_reason.ts";
import { createMasker, type Masker } from "./mask/masker.ts";
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
}

/** What a child tells its owner. */
export interface ChildListener {
  onLine(line: OutputLine): void;
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
      onClosed: () => this.kill(),
    });
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

  /** The number that the next call will have in log lines. */
  get nextCallId(): number {
    return this.#channel.nextId;
  }

  /**
   * Hands over code and values, and waits until the code is loaded. Once only.
   *
   * @param masker Masks the child's output from here on.
   * @throws {AppError} FUNCTION_INVALID when the code has no handler or throws while it loads.
   */
  async activate(activation: Activation, masker: Masker, listener: ChildListener): Promise<void> {
    const mark = newMark();
    this.#listener = listener;
    this.#startOutput(mark, masker);
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

  /** Sends a request; see {@linkcode Channel.call}. */
  call(head: RequestHead, body: RequestBody, onEnd: (end: CallEnd) => void): Call {
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

  #startOutput(mark: string, masker: Masker): void {
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
    if (this.#output === undefined) this.#startOutput(newMark(), NOTHING_MASKED);
    await this.#output;
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
    : new AppError("FUNCTION_INVALID", "The function threw while its code was loading");
}
