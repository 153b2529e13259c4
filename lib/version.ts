/**
 * The product's version, the same for server and command line.
 *
 * @module
 */

/** Semantic version. */
export const VERSION = "0.1.0";
