/**
 * Keeps a child from writing to any file.
 *
 * Deno's permissions don't reach everything that runs in a child: SQLite, which any code may import,
 * puts large temporary tables into files of its own, wherever it finds a directory. The kernel's
 * limit on the size of files holds for all of them; pipes and sockets have none.
 *
 * @module
 */

/**
 * A POSIX shell's script that runs its arguments without the signal that a too large file sends, so
 * that whoever writes gets an error instead, as Deno's own caches do, and goes on.
 */
const WITHOUT_SIGNAL = 'trap "" XFSZ; exec "$0" "$@"';

/** A command and its arguments, such that its process survives {@linkcode closeFiles}. */
export function surviving(command: string, args: readonly string[]): [string, string[]] {
  return ["sh", ["-c", WITHOUT_SIGNAL, command, ...args]];
}

/**
 * Takes the right to make a file longer from a process, for good, and that to leave its memory in a
 * core file when it crashes.
 *
 * @param prlimit Path or name of `prlimit` (util-linux).
 * @throws {Error} When that can't be done, for example because the process has ended.
 */
export async function closeFiles(prlimit: string, pid: number): Promise<void> {
  const { success } = await new Deno.Command(prlimit, {
    args: ["--pid", `${pid}`, "--fsize=0:0", "--core=0:0"],
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("Cannot start a child process: its files can't be closed");
}
