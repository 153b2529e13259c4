/**
 * Comparing bytes that are no secret.
 *
 * @module
 */

/**
 * Whether both have the same bytes. It stops at the first difference, so it is not for what somebody
 * could guess byte by byte: that is `timingSafeEqual`'s.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
