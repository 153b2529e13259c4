/**
 * The address of who sent a request, seen through the proxies that are trusted.
 *
 * @module
 */

/** Tells the proxies that are trusted. */
export interface TrustedProxies {
  has(address: string): boolean;
}

/** What the server knows of a connection. */
export interface Connection {
  readonly remoteAddr: { readonly transport: string; readonly hostname?: string };
}

/** A client, whose address is worked out when somebody asks. */
export class Client {
  readonly #request: Request;
  readonly #connection: Connection;
  readonly #trusted: TrustedProxies | null;

  /** @param trusted `null` when X-Forwarded-For is never believed. */
  constructor(request: Request, connection: Connection, trusted: TrustedProxies | null) {
    this.#request = request;
    this.#connection = connection;
    this.#trusted = trusted;
  }

  /** Its address; `null` when the connection has none. */
  get address(): string | null {
    const peer = this.#connection.remoteAddr.hostname ?? null;
    if (this.#trusted === null || peer === null) return peer;
    return clientAddress(peer, this.#request.headers.get("x-forwarded-for"), this.#trusted);
  }
}

/** Longer chains than this are nobody's proxies. */
const MAX_HOPS = 20;
const ADDRESS = /^[0-9A-Fa-f:.]{2,45}$/;

/**
 * The last address of the chain that isn't a trusted proxy's: what stands before it was written by
 * the client and may be anything.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { clientAddress } from "./client_address.ts";
 *
 * const trusted = new Set(["10.0.0.1"]);
 * assertEquals(clientAddress("10.0.0.1", "6.6.6.6, 192.0.2.7", trusted), "192.0.2.7");
 * assertEquals(clientAddress("192.0.2.9", "10.0.0.1", trusted), "192.0.2.9");
 * ```
 */
export function clientAddress(
  peer: string,
  forwarded: string | null,
  trusted: TrustedProxies,
): string {
  const hops = (forwarded ?? "").split(",").slice(-MAX_HOPS).map((hop) => hop.trim());
  let address = peer;
  while (trusted.has(address)) {
    const before = hops.pop();
    if (before === undefined || !ADDRESS.test(before)) break;
    address = before;
  }
  return address;
}
