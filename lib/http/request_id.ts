/**
 * The id by which a request is found again in the log.
 *
 * @module
 */
import type { CallContext } from "./env.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The header that carries it, both ways. */
export const REQUEST_ID_HEADER = "x-request-id";

/**
 * The id of a request: the client's own if it is a UUID, else a new one. Any other text of the
 * client's would end up in the log, so it is dropped.
 */
export function requestIdOf(c: CallContext): string {
  let id = c.get("requestId");
  if (id === undefined) {
    const given = c.req.raw.headers.get(REQUEST_ID_HEADER);
    id = given !== null && UUID.test(given) ? given.toLowerCase() : crypto.randomUUID();
    c.set("requestId", id);
  }
  return id;
}
