/**
 * The server's own log: one line for each thing that happened.
 *
 * Who writes a line names its fields one by one. There is no way to log a request, a response or an
 * error object as a whole, and so no way for a body, a header, a query or a value to slip in.
 *
 * @module
 */

/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line tells, by name. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where lines go. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Options of {@linkcode createLog}. */
export interface LogOptions {
  /** Takes one line, without its end. */
  write(line: string): void;
  /** Lines below this are dropped. Default `info`. */
  level?: LogLevel;
  /** JSON for machines, text for a terminal. Default `json`. */
  format?: "json" | "text";
  now?: () => Date;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * Makes a log.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createLog } from "./log.ts";
 *
 * const lines: string[] = [];
 * const now = () => new Date(0);
 * const log = createLog({ write: (line) => lines.push(line), now });
 * log.info("request", { status: 200 });
 * assertEquals(lines, [
 *   '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"request","status":200}',
 * ]);
 * ```
 */
export function createLog(options: LogOptions): Log {
  const { write, level: least = "info", format = "json", now = () => new Date() } = options;
  const line = format === "json" ? jsonLine : textLine;
  const at = (level: LogLevel) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return () => {};
    return (event: string, fields: LogFields = {}) => {
      write(line(now().toISOString(), level, event, fields));
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/**
 * What may be told of an error: its class, its code, and where it was thrown. Its message isn't:
 * parsers and drivers put what they choke on into theirs.
 */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code, sqlstate } = error as { code?: unknown; sqlstate?: unknown };
  const frames = framesOf(error).filter((line) => /^\s+at /.test(line));
  return {
    error: error.name,
    error_code: codeText(code) ?? codeText(sqlstate),
    at: frames.slice(0, 5).map((frame) => frame.trim()).join(" < ") || undefined,
    ...(error.cause instanceof Error && {
      cause: error.cause.name,
      cause_code: codeText((error.cause as { code?: unknown }).code),
    }),
  };
}

/** The lines of the stack after the message, which may hold lines that look like frames. */
function framesOf({ stack = "", message }: Error): string[] {
  const start = stack.indexOf(message);
  return start < 0 ? [] : stack.slice(start + message.length).split("\n");
}

function codeText(code: unknown): string | undefined {
  return typeof code === "string" && /^[A-Z0-9_]{2,40}$/.test(code) ? code : undefined;
}

function jsonLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  return JSON.stringify({ time, level, event, ...fields });
}

function textLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  let line = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${event}`;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value !== undefined) line += ` ${name}=${textValue(value)}`;
  }
  return line;
}

/** Quotes what could be taken for another field, or for another line. */
function textValue(value: LogFields[string]): string {
  const text = String(value);
  return /^[\w.:/@-]+$/.test(text) ? text : JSON.stringify(text);
}
