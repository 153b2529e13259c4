/**
 * From where a request comes.
 *
 * @module
 */

/** Who sent a request, as far as the connection tells. */
export interface Caller {
  /** Its address; `null` when that isn't known. Asked for only where it matters. */
  readonly address: string | null;
}

/** A caller whose address isn't known. */
export const NOWHERE: Caller = { address: null };
