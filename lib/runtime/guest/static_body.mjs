// @ts-check
/**
 * Takes a response's body without a stream, where it was made of text or bytes: reading it as a
 * stream costs three times as much as all the rest of a response.
 *
 * Deno keeps such a body beside the response. Where that isn't found as it is expected, the body is
 * read like any other.
 *
 * @module
 */
import { MAX_PART } from "./frames.mjs";

const encoder = new TextEncoder();
const INNER = Object.getOwnPropertySymbols(new Response("")).find(({ description }) =>
  description === "response"
);

/**
 * @param {Response} response Its headers must have been looked at: the body is put there with them.
 * @returns {Uint8Array | undefined} The whole body; nothing where it must be read. Once.
 */
export function takeStaticBody(response) {
  if (INNER === undefined) return undefined;
  const held = Reflect.get(response, INNER)?.body?.streamOrStatic;
  if (held?.consumed !== false) return undefined;
  const bytes = typeof held.body === "string" ? encoder.encode(held.body) : held.body;
  if (!(bytes instanceof Uint8Array) || bytes.length > MAX_PART) return undefined;
  held.consumed = true;
  return bytes;
}
