/**
 * The heads of requests as the bytes that go to a child.
 *
 * @module
 */

/** A request's head as it is sent. */
export type WireHead = readonly [
  method: string,
  url: string,
  headers: readonly (readonly [string, string])[],
  more: boolean,
  settings?: number,
];

const encoder = new TextEncoder();
/** A longer head is made anew each time, bytes. */
const MAX_KEPT = 4096;

/**
 * Makes heads, and keeps the last one: who calls a function again and again mostly sends the same,
 * and comparing it takes a third of making it.
 */
export class RequestHeads {
  #head: WireHead | undefined;
  #bytes: Uint8Array | undefined;

  /** JSON as UTF-8; never to be changed. */
  encode(head: WireHead): Uint8Array {
    if (this.#head !== undefined && isSame(head, this.#head)) return this.#bytes!;
    const bytes = encoder.encode(JSON.stringify(head));
    this.#head = bytes.length <= MAX_KEPT ? head : undefined;
    this.#bytes = bytes;
    return bytes;
  }
}

function isSame(a: WireHead, b: WireHead): boolean {
  if (a[1] !== b[1] || a[0] !== b[0] || a[3] !== b[3] || a[4] !== b[4]) return false;
  const [ours, theirs] = [a[2], b[2]];
  if (ours.length !== theirs.length) return false;
  for (let i = 0; i < ours.length; i++) {
    const [[name, value], [otherName, otherValue]] = [ours[i]!, theirs[i]!];
    if (value !== otherValue || name !== otherName) return false;
  }
  return true;
}
