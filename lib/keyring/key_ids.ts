/**
 * Which keys of the ring a row was made with, told from its columns' names.
 *
 * @module
 */

/** Columns that begin with a key's id, and where in them. Heads come as JSON, in hex. */
const OFFSETS: readonly [name: RegExp, at: number][] = [
  [/(?:^|_)(?:mac|digest|fingerprint)$/, 0],
  [/(?:^|_)envelope$/, 1],
];
const ID_BYTES = 8;
const HEX_ID = /^[0-9a-f]{16}/;

/** Where the id begins in a column of this name; `null` when it has none. */
const offsets = new Map<string, number | null>();

function offsetOf(column: string): number | null {
  let found = offsets.get(column);
  if (found === undefined) {
    found = OFFSETS.find(([name]) => name.test(column))?.[1] ?? null;
    offsets.set(column, found);
  }
  return found;
}

/**
 * Calls `visit` with each key's id in rows of one query; repeatedly, when it comes again after
 * another one.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { visitKeyIds } from "./key_ids.ts";
 *
 * const ids: string[] = [];
 * const mac = Uint8Array.fromHex("0123456789abcdef" + "00".repeat(32));
 * const rows = [{ name: "API_KEY", mac, heads: [{ mac: "fedcba98765432100000" }] }];
 * visitKeyIds(rows, (id) => ids.push(id));
 * assertEquals(ids, ["0123456789abcdef", "fedcba9876543210"]);
 * ```
 */
export function visitKeyIds(rows: readonly object[], visit: (id: string) => void): void {
  const [first] = rows;
  if (first === undefined) return;
  for (const column of Object.keys(first)) {
    const at = offsetOf(column);
    let last: Uint8Array | undefined;
    for (const row of rows) {
      const value = (row as Record<string, unknown>)[column];
      if (value === null || typeof value === "number") continue;
      if (value instanceof Uint8Array) {
        if (at === null || value.length < at + ID_BYTES) continue;
        // Nearly always the same key as in the row before.
        if (last !== undefined && sameId(last, value, at)) continue;
        last = value;
        visit(new Uint8Array(value.subarray(at, at + ID_BYTES)).toHex());
      } else if (typeof value === "string") {
        if (at === 0 && HEX_ID.test(value)) visit(value.slice(0, 2 * ID_BYTES));
      } else if (typeof value === "object" && !(value instanceof Date)) {
        for (const part of Array.isArray(value) ? value : [value]) visitJson(part, visit);
      }
    }
  }
}

function visitJson(value: unknown, visit: (id: string) => void): void {
  if (typeof value === "object" && value !== null) visitKeyIds([value], visit);
}

function sameId(a: Uint8Array, b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + ID_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}
