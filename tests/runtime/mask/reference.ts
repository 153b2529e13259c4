/**
 * The slow and obvious masker that the fast one is compared with.
 *
 * @module
 */

/** Marks every byte of every occurrence of every pattern; each run of marks becomes `***`. */
export function naiveMask(patterns: readonly Uint8Array[], bytes: Uint8Array): Uint8Array {
  const marked = new Array<boolean>(bytes.length).fill(false);
  for (const pattern of patterns) {
    for (let at = 0; at + pattern.length <= bytes.length; at++) {
      if (pattern.every((byte, i) => bytes[at + i] === byte)) {
        marked.fill(true, at, at + pattern.length);
      }
    }
  }
  const out: number[] = [];
  marked.forEach((mark, i) => {
    if (!mark) out.push(bytes[i]!);
    else if (!marked[i - 1]) out.push(0x2a, 0x2a, 0x2a);
  });
  return Uint8Array.from(out);
}

/** Cuts bytes at the given places, taken modulo the length; some chunks may be empty. */
export function chunksAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...cuts, bytes.length].map((end, i) => bytes.slice(cuts[i - 1] ?? 0, end));
}

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of UTF-8 bytes. */
export function fromUtf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Joins chunks. */
export function join(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}
