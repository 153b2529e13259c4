/**
 * Where a function may connect to, narrowed to what its own list names.
 *
 * @module
 */
import { CLOSED_ADDRESSES, type NetworkPolicy } from "./permissions.ts";

/** The parts of an entry of a network list. */
interface Entry {
  /** A name in lower case, an IPv4 address, a range, or an IPv6 address in brackets. */
  readonly host: string;
  readonly port: string | null;
}

const ENTRY = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?:\/\d{1,2})?)(?::(\d{1,5}))?$/;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const LOOPBACK = ["localhost", "127.0.0.0/8", "[::1]"];

/**
 * Checks one entry of a network list and returns it in lower case: a host, `host:port`, an IPv4
 * range in CIDR notation (RFC 4632), or an IPv6 address in brackets. Wildcards are refused, so that
 * a list says exactly what it opens.
 *
 * @returns `null` when it is none of these.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseNetworkEntry } from "./network.ts";
 *
 * assertEquals(parseNetworkEntry("API.stripe.com:443"), "api.stripe.com:443");
 * assertEquals(parseNetworkEntry("*.example.com"), null);
 * assertEquals(parseNetworkEntry("https://example.com"), null);
 * ```
 */
export function parseNetworkEntry(text: string): string | null {
  const entry = text.length > 300 ? null : split(text.toLowerCase());
  if (entry === null) return null;
  const { host, port } = entry;
  if (port !== null && (Number(port) < 1 || Number(port) > 65_535)) return null;
  if (host.startsWith("[")) return isIpv6(host) ? text.toLowerCase() : null;
  // What looks like an address or a range must be one: `10.0.0` and `0x7f.1` are names of nothing.
  const numeric = host.includes("/") || /^[\d.]+$/.test(host) || /(?:^|\.)0x/.test(host);
  if (numeric && rangeOf(host) === null) return null;
  if (host.includes("..") || host.split(".").some((label) => label.length > 63)) return null;
  return text.toLowerCase();
}

/**
 * The policy of a function that names where it connects to.
 *
 * Its list narrows what the operator allows and never widens it. Addresses that are closed because
 * they are this machine's or a cloud's metadata service open when the list names them; what the
 * operator closed beside them, such as the database, stays closed.
 *
 * @param base The operator's policy.
 * @param list Entries as {@linkcode parseNetworkEntry} returns them.
 */
export function narrowNetwork(base: NetworkPolicy, list: readonly string[]): NetworkPolicy {
  const ceiling = base.allow;
  const allow = ceiling === "public"
    ? list
    : list.filter((entry) => ceiling.some((wide) => covers(wide.toLowerCase(), entry)));
  const opened = new Set(allow.flatMap((entry) => closedBy(entry)));
  return { allow, deny: base.deny.filter((address) => !opened.has(address)) };
}

/**
 * Whether a list opens addresses that are closed unless they are named: this machine's, link-local
 * ones and a cloud's metadata service.
 *
 * @param list Entries as {@linkcode parseNetworkEntry} returns them.
 */
export function opensClosed(list: readonly string[]): boolean {
  return list.some((entry) => closedBy(entry).length > 0);
}

/** The entries of {@linkcode CLOSED_ADDRESSES} that would keep `entry` closed. */
function closedBy(entry: string): string[] {
  const host = split(entry)?.host ?? entry;
  return CLOSED_ADDRESSES.filter((closed) =>
    closed === host || overlaps(closed, host) || (host === "localhost" && LOOPBACK.includes(closed))
  );
}

/** Whether everything that `narrow` opens is open by `wide`. */
function covers(wide: string, narrow: string): boolean {
  const [own, other] = [split(wide), split(narrow)];
  if (own === null || other === null) return wide === narrow;
  if (own.port !== null && own.port !== other.port) return false;
  if (own.host === other.host) return true;
  const [outer, inner] = [rangeOf(own.host), rangeOf(other.host)];
  return outer !== null && inner !== null && outer.first <= inner.first && inner.last <= outer.last;
}

function overlaps(a: string, b: string): boolean {
  const [one, two] = [rangeOf(a), rangeOf(b)];
  return one !== null && two !== null && one.first <= two.last && two.first <= one.last;
}

function split(text: string): Entry | null {
  const [, host, port] = ENTRY.exec(text) ?? [];
  return host === undefined ? null : { host, port: port ?? null };
}

/** The first and the last address of an IPv4 address or range; `null` for anything else. */
function rangeOf(host: string): { first: number; last: number } | null {
  const [address = "", bits = "32"] = host.split("/");
  const octets = IPV4.exec(address)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255) || Number(bits) > 32) return null;
  const size = 2 ** (32 - Number(bits));
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const first = Math.floor(value / size) * size;
  return { first, last: first + size - 1 };
}

function isIpv6(host: string): boolean {
  try {
    return new URL(`http://${host}/`).hostname.startsWith("[");
  } catch {
    return false;
  }
}
