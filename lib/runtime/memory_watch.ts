/**
 * Watches the resident memory of children. V8's heap limit doesn't cover `ArrayBuffer`s, and a limit
 * on the address space keeps V8 from starting, so somebody has to look.
 *
 * Deno reads nothing below `/proc` without all permissions, so a shell that does nothing else reads
 * it for us. It ends when its standard input does.
 *
 * @module
 */

/** Prints `pid pages` for each pid that comes in; 0 pages when there is no such process. */
const SCRIPT = `getconf PAGESIZE
while read -r pid; do
  rss=0
  { read -r size rss rest < "/proc/$pid/statm"; } 2>/dev/null
  echo "$pid \${rss:-0}"
done`;

/** How often each process is looked at, ms. */
const PERIOD_MS = 250;

interface Watched {
  readonly limitBytes: number;
  readonly onOver: () => void;
}

/** Watches any number of processes with one shell. */
export class MemoryWatch {
  readonly #watched = new Map<number, Watched>();
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #done: Promise<void>;
  #pageSize = 0;
  #asked = 0;

  /**
   * @param shell Path or name of a POSIX shell.
   * @throws {Error} When it can't be started.
   */
  constructor(shell: string) {
    this.#process = new Deno.Command(shell, {
      args: ["-c", SCRIPT],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin" },
    }).spawn();
    this.#stdin = this.#process.stdin.getWriter();
    this.#timer = setInterval(() => this.#ask(), PERIOD_MS);
    this.#done = this.#read();
  }

  /** Calls `onOver` once when the process holds more than `limitBytes` of resident memory. */
  watch(pid: number, limitBytes: number, onOver: () => void): void {
    this.#watched.set(pid, { limitBytes, onOver });
  }

  /** Forgets a process. */
  unwatch(pid: number): void {
    this.#watched.delete(pid);
  }

  /** Ends the shell. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#stdin.close().catch(() => {});
    await this.#done;
    await this.#process.status;
  }

  #ask(): void {
    if (this.#asked > 0 || this.#watched.size === 0) return;
    this.#asked = this.#watched.size;
    const lines = [...this.#watched.keys()].join("\n") + "\n";
    this.#stdin.write(new TextEncoder().encode(lines)).catch(() => {});
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#onLine(line);
    }
  }

  #onLine(line: string): void {
    if (this.#pageSize === 0) {
      this.#pageSize = Number(line);
      return;
    }
    this.#asked--;
    const [pid, pages] = line.split(" ").map(Number);
    const watched = this.#watched.get(pid!);
    if (watched === undefined || pages! * this.#pageSize <= watched.limitBytes) return;
    this.#watched.delete(pid!);
    watched.onOver();
  }
}
