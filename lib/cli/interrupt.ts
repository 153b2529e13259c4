/**
 * What is put right before a signal ends the process.
 *
 * @module
 */

/** The signals that end a command, with the exit codes that shells give them: 128 and the number. */
const SIGNALS: readonly (readonly [Deno.Signal, number])[] = Deno.build.os === "windows"
  ? [["SIGINT", 130], ["SIGBREAK", 149]]
  : [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]];

/**
 * Does work that leaves something behind when it is ended in its middle: a file half written, a
 * terminal that shows no keys.
 *
 * @param undo Puts that right, at once: nothing runs after it.
 * @param work Must not hold the event loop, or no signal is heard.
 */
export async function undoneBySignal<T>(undo: () => void, work: () => Promise<T>): Promise<T> {
  const listeners = SIGNALS.map(([signal, code]) => {
    const end = (): never => {
      try {
        undo();
      } finally {
        Deno.exit(code);
      }
    };
    return { signal, end };
  });
  for (const { signal, end } of listeners) Deno.addSignalListener(signal, end);
  try {
    return await work();
  } finally {
    for (const { signal, end } of listeners) Deno.removeSignalListener(signal, end);
  }
}
