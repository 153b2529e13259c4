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

const INNER = Object.getOwnPropertySymbols(new Response("")).find(({ description }) =>
  description === "response"
);

/**
 * @param {Response} response Its headers must have been looked at: the body is put there with them.
 * @returns {Uint8Array | string | undefined} The whole body, text for UTF-8; nothing where it must be read. Once.
 */
export function takeStaticBody(response) {
  if (INNER === undefined) return undefined;
  const held = Reflect.get(response, INNER)?.body?.streamOrStatic;
  if (held?.consumed !== false) return undefined;
  const { body } = held;
  const isText = typeof body === "string";
  if (!isText && !(body instanceof Uint8Array)) return undefined;
  // A unit of text is up to three bytes.
  if (body.length * (isText ? 3 : 1) > MAX_PART) return undefined;
  held.consumed = true;
  return body;
}
