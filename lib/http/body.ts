/**
 * Bodies of requests: bounded before they are read, and checked before they are parsed.
 *
 * No message here holds a part of the body.
 *
 * @module
 */
import type * as z from "zod";
import { AppError } from "../errors.ts";
import type { AppContext } from "./env.ts";
import { nestsDeeper } from "../json_depth.ts";

/** The longest body, in bytes. */
export const MAX_BODY_BYTES = 1_024 * 1_024;
/** How deep a body may nest. */
export const MAX_JSON_DEPTH = 32;

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a JSON object and checks it against `schema`.
 *
 * @param options.limit The longest body, in bytes; {@linkcode MAX_BODY_BYTES} when left out.
 * @throws {AppError} UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, or INVALID_REQUEST_BODY naming the
 * field and the rule.
 */
export async function readJson<T>(
  c: AppContext,
  schema: z.ZodType<T>,
  { limit = MAX_BODY_BYTES }: { readonly limit?: number } = {},
): Promise<T> {
  if (!JSON_TYPE.test(c.req.header("content-type") ?? "")) {
    throw new AppError("UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json");
  }
  const bytes = await readBytes(c.req.raw, limit);
  if (nestsDeeper(bytes, MAX_JSON_DEPTH)) {
    throw invalid(`: JSON must not nest deeper than ${MAX_JSON_DEPTH}`);
  }
  return check(parse(bytes), schema);
}

function parse(bytes: Uint8Array): unknown {
  const parsed = parseText(decode(bytes));
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw invalid(": it must be a JSON object");
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw unparsable("The body is not UTF-8 text");
  }
}

function parseText(text: string): unknown {
  if (text.trim() === "") throw unparsable("The body is empty, and must be a JSON object");
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body.
    throw unparsable("The body is not valid JSON; look at its quotes, commas and brackets");
  }
}

function check<T>(parsed: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  // Name and rule come from the schema, which drops the fields that it doesn't know.
  throw invalid(`: ${issue?.path.join(".")} ${issue?.message}`);
}

/** Reads at most `limit` bytes; a body that is longer is given up, not read to its end. */
async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced === null) return await readStream(request, limit);
  if (Number(announced) > limit) throw tooLarge(limit);
  // HTTP holds a body to the length that it announces, so this one may be read in one go.
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > limit) throw tooLarge(limit);
  return bytes;
}

async function readStream(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function invalid(detail: string): AppError {
  return new AppError("INVALID_REQUEST_BODY", `Invalid request body${detail}`);
}

/** Upstream's clients know the bare words. */
function unparsable(details: string): AppError {
  return new AppError("INVALID_REQUEST_BODY", "Invalid request body", { details });
}

function tooLarge(limit: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", `Request body must be at most ${limit} bytes`);
}
