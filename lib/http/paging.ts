/**
 * Pages of lists: a limit, and a cursor that names the last row shown.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseNamespace, parseSecretName, type SecretRef } from "../resolve/ref.ts";
import { MAX_PAGE } from "../vault/vault.ts";

/**
 * Reads `?limit=`.
 *
 * @throws {AppError} INVALID_INPUT when it isn't 1 to 1,000.
 */
export function parseLimit(text: string | undefined): number {
  if (text === undefined) return MAX_PAGE;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new AppError("INVALID_INPUT", `limit must be 1 to ${MAX_PAGE}`);
}

/**
 * Writes a cursor. It is opaque to clients and holds nothing that the page before didn't show.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSecretName } from "../resolve/ref.ts";
 * import { formatCursor, parseCursor } from "./paging.ts";
 *
 * const last = { namespace: null, name: parseSecretName("API_KEY") };
 * assertEquals(parseCursor(formatCursor(last)), last);
 * ```
 */
export function formatCursor({ namespace, name }: SecretRef): string {
  const bytes = new TextEncoder().encode(JSON.stringify([namespace, name]));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * Reads a cursor.
 *
 * @throws {AppError} INVALID_INPUT when it is none.
 */
export function parseCursor(text: string): SecretRef {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const [namespace, name] = JSON.parse(new TextDecoder().decode(bytes)) as [unknown, unknown];
    if (typeof name !== "string") throw new TypeError();
    return {
      namespace: namespace === null ? null : parseNamespace(String(namespace)),
      name: parseSecretName(name),
    };
  } catch {
    throw new AppError("INVALID_INPUT", "cursor must come from the page before");
  }
}

/** The headers that lead to the next page; none on the last one. */
export function nextPageHeaders(url: string, next: SecretRef | undefined): Record<string, string> {
  if (next === undefined) return {};
  const cursor = formatCursor(next);
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"`, "x-next-cursor": cursor };
}
