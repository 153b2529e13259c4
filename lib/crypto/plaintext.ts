/**
 * A secret's value in the clear, in a wrapper that doesn't print it.
 *
 * @module
 */
import { AppError } from "../errors.ts";

const REDACTED = "[redacted]";
const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF as part of the value; the default would drop it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A value in the clear. It shows itself as `[redacted]` in text, JSON and logs, and has no
 * properties to enumerate or clone; only {@linkcode Plaintext.reveal} and
 * {@linkcode Plaintext.revealBytes} give it away, so that each such place can be searched for.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Plaintext } from "./plaintext.ts";
 *
 * const value = Plaintext.fromText("hunter2");
 * assertEquals(`${value}`, "[redacted]");
 * assertEquals(value.reveal(), "hunter2");
 * ```
 */
export class Plaintext {
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * Wraps a text as UTF-8.
   *
   * @throws {AppError} INVALID_INPUT when it has a lone surrogate, which UTF-8 cannot carry.
   */
  static fromText(text: string): Plaintext {
    if (!text.isWellFormed()) {
      throw new AppError("INVALID_INPUT", "Value must be well-formed Unicode");
    }
    return new Plaintext(encoder.encode(text));
  }

  /** Wraps a copy of `bytes`. */
  static fromBytes(bytes: Uint8Array): Plaintext {
    return new Plaintext(new Uint8Array(bytes));
  }

  /**
   * The value as text.
   *
   * @throws {AppError} SECRET_UNREADABLE when the bytes are no UTF-8.
   */
  reveal(): string {
    try {
      return decoder.decode(this.#bytes);
    } catch {
      throw new AppError("SECRET_UNREADABLE", "Value is not UTF-8 text");
    }
  }

  /** A copy of the value's bytes. */
  revealBytes(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }

  /** The value's length in bytes. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** Always `[redacted]`. */
  toString(): string {
    return REDACTED;
  }

  /** Always `[redacted]`. */
  toJSON(): string {
    return REDACTED;
  }

  /** What `Deno.inspect` and `console` print: always `[redacted]`. */
  [Symbol.for("Deno.customInspect")](): string {
    return REDACTED;
  }

  /** What `node:util` prints: always `[redacted]`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}
