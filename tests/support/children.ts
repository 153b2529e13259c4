/**
 * Children as the server starts them.
 *
 * @module
 */
import { type ChildShape, CLOSED_ADDRESSES } from "../../lib/runtime/permissions.ts";
import { Spares } from "../../lib/runtime/spares.ts";
import { withCache } from "../../lib/runtime/spawn.ts";

/** What children may do where a test says nothing else. */
export const SHAPE: ChildShape = {
  network: { allow: "public", deny: CLOSED_ADDRESSES },
  heapMb: 64,
};

/** Path of `setpriv`, which every Linux system of the tests has. */
export const SETPRIV = "setpriv";

/** Path of `prlimit`, of the same package. */
export const PRLIMIT = "prlimit";

/** A stock of spare children whose sockets are in `directory`. */
export function openSpares(directory: string, count: number): Spares {
  return new Spares(
    withCache({ deno: Deno.execPath(), setpriv: SETPRIV, prlimit: PRLIMIT, directory }, SHAPE),
    count,
  );
}
