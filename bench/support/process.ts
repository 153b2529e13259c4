/**
 * Servers as processes of their own: started, waited for, and ended with all that they started.
 *
 * @module
 */

/** What is started. */
export interface ProcessOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A file that takes what the process writes to stderr. */
  readonly log: string;
}

const END_MS = 10_000;
const START_MS = 60_000;

/** A running process. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #log: string;

  private constructor(child: Deno.ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
  }

  /** Starts a program. When this process dies unasked, the kernel asks the program to end, too. */
  static start(program: string, { args, env = {}, cwd, log }: ProcessOptions): Process {
    const script = `command -v setpriv >/dev/null && set -- setpriv --pdeathsig TERM "$@"
      exec "$@" 2>"$BENCH_LOG"`;
    const child = new Deno.Command("sh", {
      args: ["-c", script, "sh", program, ...args],
      env: { ...env, BENCH_LOG: log },
      ...(cwd !== undefined && { cwd }),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    return new Process(child, log);
  }

  /** The operating system's process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits until `pattern` is found in what the process prints, and lets it print on.
   *
   * @throws {Error} With the end of its stderr when it ends or takes too long.
   */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const timer = setTimeout(() => this.#signal([this.pid], "SIGKILL"), START_MS);
    const reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value;
      const found = pattern.exec(text);
      if (found === null) continue;
      clearTimeout(timer);
      void drain(reader);
      return found;
    }
    clearTimeout(timer);
    throw new Error(
      `Cannot start a process: ${(await Deno.readTextFile(this.#log)).slice(-2_000)}`,
    );
  }

  /** Process ids of all that descends from it. */
  async descendants(): Promise<number[]> {
    return await descendantsOf(this.pid);
  }

  /** Asks it to end, and kills what is left of it after a while. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [this.pid, ...await this.descendants()];
    this.#signal([this.pid], "SIGTERM");
    const timer = setTimeout(() => this.#signal(all, "SIGKILL"), END_MS);
    await this.#child.status;
    clearTimeout(timer);
  }

  #signal(pids: readonly number[], signal: Deno.Signal): void {
    for (const pid of pids) {
      try {
        Deno.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The pipe ended with its process.
  }
}

async function descendantsOf(pid: number): Promise<number[]> {
  let text = "";
  try {
    for await (const task of Deno.readDir(`/proc/${pid}/task`)) {
      text += await Deno.readTextFile(`/proc/${pid}/task/${task.name}/children`);
    }
  } catch {
    // It has ended meanwhile.
  }
  const children = text.trim().split(/\s+/).filter(Boolean).map(Number);
  const further = await Promise.all(children.map(descendantsOf));
  return [...children, ...further.flat()];
}
