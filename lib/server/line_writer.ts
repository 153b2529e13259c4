/**
 * Writes log lines, those of one turn of the event loop together: a system call for each line costs
 * a request as much as its query's parsing.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Lines that wait for the end of the turn. */
export class LineWriter {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #encoder = new TextEncoder();
  #waiting = "";

  /** @param write Writes all of the bytes before it returns. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Takes a line, without its end. */
  readonly line = (text: string): void => {
    if (this.#waiting === "") setImmediate(this.flush);
    this.#waiting += `${text}\n`;
  };

  /** Writes what waits; to be called once more when the process ends. */
  readonly flush = (): void => {
    if (this.#waiting === "") return;
    const bytes = this.#encoder.encode(this.#waiting);
    this.#waiting = "";
    this.#write(bytes);
  };
}
