/**
 * Compares two byte arrays in a time that depends on their length only.
 * Throws when the lengths differ, so compare digests, never raw tokens.
 */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
