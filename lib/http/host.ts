/**
 * The Host header of a request, of which its URL is made.
 *
 * @module
 */

/** A name or an address, and a port (RFC 9112 §3.2, RFC 3986 §3.2.2). */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d{0,5})?$/i;
/** The last good one: nearly all requests to a server have the same. */
let last = "";

/**
 * Whether a Host header names a host and nothing else; none at all does.
 *
 * With a slash in it, it would become part of the path that is served, and a request that a proxy
 * lets by for its path would reach another one. And what no URL can be made of would be an error of
 * the function that is called.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isHost } from "./host.ts";
 *
 * assertEquals(isHost("example.com:8080"), true);
 * assertEquals(isHost("example.com/api/v1/admin?"), false);
 * assertEquals(isHost("1.2.3.4.5"), false);
 * ```
 */
export function isHost(host: string | null): boolean {
  if (host === null || host === last) return true;
  if (!HOST.test(host) || host !== "" && !URL.canParse(`http://${host}/`)) return false;
  last = host;
  return true;
}
