/**
 * The `mappings` of a source map (ECMA-426), reduced to some of its sources.
 *
 * @module
 */
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit.charCodeAt(0), value]));

/** A position that is known of: column of the code, then source, line and column there. */
type Fields = [column: number, source: number, line: number, sourceColumn: number];

/**
 * Keeps the positions of some sources, and numbers these sources anew in their order.
 *
 * What follows a kept position and belongs to no kept source is marked as unknown: readers would
 * else ascribe it to the position before.
 *
 * @param mappings Semicolon-separated lines of comma-separated segments in base64 VLQ.
 * @param kept For each source, whether it is kept.
 * @returns Mappings without names.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { keepSources } from "./mappings.ts";
 *
 * // One segment of source 0, then one of source 1.
 * assertEquals(keepSources("AAAA,ECAA", [false, true]), "EAAA");
 * assertEquals(keepSources("AAAA,ECAA", [true, false]), "AAAA,E");
 * ```
 */
export function keepSources(mappings: string, kept: readonly boolean[]): string {
  const numbers = numbered(kept);
  const read: Fields = [0, 0, 0, 0];
  const written: Fields = [0, 0, 0, 0];
  let known = false;
  return mappings.split(";").map((line) => {
    read[0] = written[0] = 0;
    const segments: string[] = [];
    for (const segment of line.split(",")) {
      const length = advance(read, segment);
      const source = length >= 4 ? numbers[read[1]] ?? null : null;
      if (source !== null) segments.push(encode(written, [read[0], source, read[2], read[3]]));
      else if (known && length > 0) segments.push(encode(written, [read[0]]));
      if (length > 0) known = source !== null;
    }
    return segments.join(",");
  }).join(";");
}

function numbered(kept: readonly boolean[]): (number | null)[] {
  let next = 0;
  return kept.map((keep) => keep ? next++ : null);
}

/** Adds a segment's differences to `fields`, and tells how many it has. */
function advance(fields: Fields, segment: string): number {
  let count = 0;
  let value = 0;
  let shift = 0;
  for (let at = 0; at < segment.length; at++) {
    const digit = VALUES.get(segment.charCodeAt(at)) ?? 0;
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    // The lowest bit is the sign.
    if (count < 4) {
      fields[count] = (fields[count] ?? 0) + (value & 1 ? -(value >>> 1) : value >>> 1);
    }
    count++;
    value = shift = 0;
  }
  return count;
}

/** The differences between `fields` and `next` as a segment; `fields` becomes `next`. */
function encode(fields: Fields, next: readonly number[]): string {
  return next.map((value, index) => {
    const difference = value - (fields[index] ?? 0);
    fields[index] = value;
    return encodeNumber(difference);
  }).join("");
}

function encodeNumber(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
