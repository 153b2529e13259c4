/**
 * Address ranges in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import { AppError } from "../errors.ts";

/** A range; an address alone is a range of one. */
interface Range {
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly bits: number;
}

const MAX_RANGES = 50;

/** Some ranges, asked often. */
export class AddressSet {
  readonly #list = new BlockList();

  /**
   * Takes ranges such as `10.0.0.0/8`, `192.0.2.7` or `2001:db8::/32`.
   *
   * @throws {AppError} INVALID_INPUT for what is none.
   */
  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const { address, bits, family } = parseRange(text);
      this.#list.addSubnet(address, bits, family);
    }
  }

  /**
   * Tells whether `address` lies in one of the ranges; what is no address doesn't. An IPv4 address
   * in its IPv6 form (RFC 4291 §2.5.5.2) is the IPv4 address.
   *
   * @example Usage
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { AddressSet } from "./cidr.ts";
   *
   * const inside = new AddressSet(["10.0.0.0/8"]);
   * assertEquals(inside.has("10.1.2.3"), true);
   * assertEquals(inside.has("::ffff:10.1.2.3"), true);
   * assertEquals(inside.has("11.1.2.3"), false);
   * ```
   */
  has(address: string): boolean {
    const family = familyOf(address);
    return family !== null && this.#list.check(address, family);
  }
}

/**
 * Checks a list of ranges from outside.
 *
 * @returns The list, or `null` for one that is left out or empty: every address.
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseCidrs(input: unknown): readonly string[] | null {
  if (input === undefined || input === null) return null;
  const list: unknown[] = Array.isArray(input) ? input : [input];
  if (list.length > MAX_RANGES || !list.every((item) => typeof item === "string")) throw invalid();
  list.forEach(parseRange);
  return list.length === 0 ? null : list;
}

/** Tells whether every address of `narrow` is one of `wide`. */
export function coversCidrs(wide: readonly string[], narrow: readonly string[]): boolean {
  return narrow.every((text) => {
    const inner = parseRange(text);
    return wide.some((other) => {
      const outer = parseRange(other);
      return outer.family === inner.family && outer.bits <= inner.bits &&
        new AddressSet([other]).has(inner.address);
    });
  });
}

function parseRange(text: string): Range {
  const [address = "", prefix, ...more] = text.split("/");
  const family = familyOf(address);
  if (family === null || more.length > 0) throw invalid();
  const most = family === "ipv4" ? 32 : 128;
  if (prefix === undefined) return { address, family, bits: most };
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  if (!(bits >= 0 && bits <= most)) throw invalid();
  return { address, family, bits };
}

function familyOf(address: string): Range["family"] | null {
  // A zone (`fe80::1%eth0`) is a name of this machine's and no part of an address.
  if (address.includes("%")) return null;
  const version = isIP(address);
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : null;
}

function invalid(): AppError {
  return new AppError(
    "INVALID_INPUT",
    `cidrs must be up to ${MAX_RANGES} ranges such as 10.0.0.0/8 or 2001:db8::/32`,
  );
}
