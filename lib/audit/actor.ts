/**
 * Who an action is put down to.
 *
 * @module
 */
import type { Principal } from "../principal/principal.ts";
import type { Actor } from "./entry.ts";

/** The server itself. */
export const SYSTEM: Actor = { id: null, kind: "system", address: null, requestId: null };

/** A principal with where its request came from. */
export function actorOf({ id, kind, origin }: Principal): Actor {
  return { id, kind, address: origin?.address ?? null, requestId: origin?.requestId ?? null };
}
