/**
 * The lines that a job's child sends: progress, and at last a result or an error. They come from
 * user code's own process, so nothing about them is taken for granted.
 *
 * @module
 */
import { nestsDeeper } from "../json_depth.ts";
import { failed } from "./job_failure.ts";

/** One line. */
export type JobLine =
  | { readonly kind: "progress"; readonly percent: number; readonly message: string | null }
  | { readonly kind: "result"; readonly value: unknown }
  | { readonly kind: "error"; readonly error: string };

/** The longest line, in characters; a result is one line. */
export const MOST_RESULT = 1024 * 1024;
/**
 * How deep a result may nest. What masks, stores and writes it goes down level by level, and each
 * of them ends somewhere below 10,000 of them.
 */
const DEEPEST_RESULT = 100;
const UNREADABLE = "The job's result could not be read";

/**
 * Reads the lines of a body as they come.
 *
 * @throws {AppError} JOB_FAILED for a line that is too long or says nothing known.
 */
export async function* readJobLines(
  body: Uint8Array | ReadableStream<Uint8Array> | null,
): AsyncGenerator<JobLine> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(body)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    if (rest.length > MOST_RESULT) throw tooLong();
    for (const line of lines) yield parse(line);
  }
  if (rest !== "") throw failed(UNREADABLE);
}

async function* chunksOf(
  body: Uint8Array | ReadableStream<Uint8Array> | null,
): AsyncGenerator<Uint8Array> {
  if (body instanceof ReadableStream) yield* body;
  else if (body !== null) yield body;
}

function parse(line: string): JobLine {
  if (line.length > MOST_RESULT) throw tooLong();
  // The line itself is an object around it.
  if (nestsDeeper(new TextEncoder().encode(line), DEEPEST_RESULT + 1)) {
    throw failed(`The job's result nests deeper than ${DEEPEST_RESULT} levels`);
  }
  const known = fieldsOf(line);
  if ("progress" in known) return progress(known.progress);
  if ("error" in known) {
    return { kind: "error", error: String(known.error) };
  }
  return { kind: "result", value: known.result };
}

function progress(value: unknown): JobLine {
  const [percent, message] = Array.isArray(value) ? value as unknown[] : [];
  if (typeof percent !== "number" || !(percent >= 0 && percent <= 100)) throw failed(UNREADABLE);
  const text = typeof message === "string" ? message : null;
  return { kind: "progress", percent, message: text };
}

function fieldsOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw failed(UNREADABLE);
}

function tooLong(): Error {
  return failed("The job's result is larger than 1 MiB");
}
