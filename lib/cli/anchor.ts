/**
 * Anchors: what heads were, noted where who writes to the database can't.
 *
 * @module
 */
import { CliError, usageError } from "./failure.ts";

/** A head as the server tells it. */
export interface HeadState {
  readonly head: string;
  readonly revision: number;
  readonly mac: string;
}

/** An anchor's file. */
interface Anchor {
  readonly format: "fluxbase-anchor-1";
  readonly noted_at: string;
  readonly heads: readonly HeadState[];
}

const FORMAT = "fluxbase-anchor-1";

/**
 * Reads an anchor.
 *
 * @returns `null` when there is no such file.
 * @throws {CliError} When it can't be read or is none.
 */
export async function readAnchor(path: string): Promise<readonly HeadState[] | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new CliError(1, "The anchor's file can't be read");
  }
  try {
    const anchor = JSON.parse(text) as Anchor;
    if (anchor.format === FORMAT && anchor.heads.every(isHead)) return anchor.heads;
  } catch {
    // Told below.
  }
  throw usageError("The file given with --anchor is no anchor");
}

/** Writes an anchor, whole or not at all. */
export async function writeAnchor(path: string, heads: readonly HeadState[]): Promise<void> {
  const anchor: Anchor = { format: FORMAT, noted_at: new Date().toISOString(), heads };
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(draft, JSON.stringify(anchor, null, 2) + "\n", { createNew: true });
    await Deno.rename(draft, path);
  } catch {
    throw new CliError(1, "The anchor's file can't be written", {
      hint: "It must be below the directory in which the command is typed.",
    });
  }
}

/**
 * What is older than an anchor, or other than it, in one sentence each.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { compareAnchor } from "./anchor.ts";
 *
 * const noted = { head: "production", revision: 7, mac: "aa" };
 * assertEquals(compareAnchor([noted], [{ ...noted, revision: 9, mac: "bb" }]), []);
 * assertEquals(compareAnchor([noted], [{ ...noted, revision: 6 }]).length, 1);
 * ```
 */
export function compareAnchor(
  noted: readonly HeadState[],
  found: readonly HeadState[],
): string[] {
  const now = new Map(found.map((state) => [state.head, state]));
  return noted.flatMap(({ head, revision, mac }) => {
    const state = now.get(head);
    if (state === undefined) return [`${head} was at revision ${revision} and is gone`];
    if (state.revision < revision) {
      return [`${head} was at revision ${revision} and is back at ${state.revision}`];
    }
    const same = state.revision > revision || state.mac === mac;
    return same ? [] : [`${head} is another one at the same revision ${revision}`];
  });
}

function isHead(state: HeadState): boolean {
  return typeof state.head === "string" && Number.isSafeInteger(state.revision) &&
    typeof state.mac === "string";
}
