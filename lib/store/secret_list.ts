/**
 * Lists of secrets, limited to what the asker may see.
 *
 * Pages go by key, not by offset: (namespace, nulls first; name) after the last row shown. The
 * scope needs no column of its own in that order, since global rows are those without a namespace.
 *
 * A page must not take longer the more secrets there are, so each range of places that may be seen
 * is a branch of its own, which begins in the index where the page does; the branches are merged as
 * far as the page goes.
 *
 * @module
 */
import { joinRanges, MATCHES_ALL, type TextRange } from "../principal/glob.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { ScopeName, SecretRef } from "../resolve/ref.ts";
import { SECRET_COLUMNS, secretRow } from "./secret_rows.ts";
import { matches, type VisiblePart, visiblePart, Where } from "./secret_visible.ts";
import type { Sql } from "./sql.ts";

/** What to list. */
export interface ListQuery {
  readonly visible: readonly VisiblePart[];
  readonly scope?: ScopeName;
  readonly namespace?: string;
  /** The last row of the page before. */
  readonly after?: SecretRef;
  /** The most rows to return. */
  readonly limit: number;
}

/** Live secrets in the order (global first, namespace, name). */
export async function listSecrets(sql: Sql, query: ListQuery): Promise<SecretRow[]> {
  const where = new Where(["deleted_at is null"]);
  const branches = places(where, query);
  if (branches.length === 0) return [];
  const page = `order by namespace collate "C" nulls first, name collate "C"
    limit ${where.bind(query.limit)}::int`;
  const selects = branches.map((place) =>
    `(select ${SECRET_COLUMNS} from functions.secrets where ${where} and ${place} ${page})`
  );
  const all = selects.length === 1 ? selects[0]! : `select ${SECRET_COLUMNS} from
    (${selects.join("\nunion all ")}) as seen ${page}`;
  return (await sql.query(all, where.values)).map(secretRow);
}

/** Conditions that have no row in common: the global scope, and ranges of namespaces. */
function places(where: Where, query: ListQuery): string[] {
  const { visible, scope, namespace, after } = query;
  const branches: string[] = [];
  const inGlobal = visible.filter((part) => part.global);
  const isGlobal = scope !== "namespace" && namespace === undefined &&
    (after?.namespace ?? null) === null && inGlobal.length > 0;
  if (isGlobal) {
    const rest = after === undefined ? "" : ` and name collate "C" > ${where.bindC(after.name)}`;
    branches.push(`namespace is null${rest} and ${namesOf(where, inGlobal)}`);
  }
  if (scope === "global") return branches;
  for (const { from, to } of rangesOf(visible, namespace)) {
    if (after !== undefined && after.namespace !== null && to < after.namespace) continue;
    const within = from === to
      ? inNamespace(where, from, visible)
      : inRange(where, { from, to }, visible);
    branches.push(within + afterText(where, after));
  }
  return branches;
}

/** Who sees a namespace is known before the query; a pattern in it would mislead its planner. */
function inNamespace(where: Where, name: string, visible: readonly VisiblePart[]): string {
  const parts = visible.filter(({ namespaces }) =>
    namespaces !== null && new RegExp(namespaces).test(name)
  );
  return `namespace collate "C" = ${where.bindC(name)} and ${namesOf(where, parts)}`;
}

function inRange(
  where: Where,
  { from, to }: TextRange,
  visible: readonly VisiblePart[],
): string {
  const parts = visible.map((part) => visiblePart(where, { ...part, global: false }));
  return `namespace collate "C" >= ${where.bindC(from)} and
    namespace collate "C" <= ${where.bindC(to)} and (${parts.join(" or ")})`;
}

function namesOf(where: Where, parts: readonly VisiblePart[]): string {
  const names = new Set(parts.map((part) => part.names));
  if (names.has(MATCHES_ALL)) return "true";
  return `(${[...names].map((each) => matches(where, "name", each)).join(" or ") || "false"})`;
}

/** More ranges than this are taken as one, so that planning stays cheap. */
const MAX_RANGES = 32;

function rangesOf(visible: readonly VisiblePart[], only: string | undefined): TextRange[] {
  if (only !== undefined) return [{ from: only, to: only }];
  const ranges = joinRanges(visible.flatMap((part) => part.ranges));
  if (ranges.length <= MAX_RANGES) return ranges;
  return [{ from: ranges[0]!.from, to: ranges.at(-1)!.to }];
}

function afterText(where: Where, after: SecretRef | undefined): string {
  if (after === undefined || after.namespace === null) return "";
  const last = `${where.bindC(after.namespace)}, ${where.bindC(after.name)}`;
  return ` and (namespace collate "C", name collate "C") > (${last})`;
}
