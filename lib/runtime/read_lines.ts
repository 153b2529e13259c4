/**
 * The lines that say in a run's log which of its values it has read.
 *
 * @module
 */
import { ENV_PREFIX } from "../resolve/precedence.ts";
import type { ValueSource } from "../resolve/injection.ts";
import type { Execution, ExecutionLine } from "./execution.ts";
import { SYSTEM_PREFIX, USER_PREFIX } from "./setting_variables.ts";

/** How many values have a line each; of more, so many share one. */
const ON_THEIR_OWN = 20;

/** The lines of a run; none when it has read nothing, or when that isn't known. */
export function readLines({ id, name, namespace, reads }: Execution): ExecutionLine[] {
  if (reads === null || reads.length === 0) return [];
  const shared = { executionId: id, name, namespace, at: new Date(), level: "info" as const };
  const size = reads.length > ON_THEIR_OWN ? ON_THEIR_OWN : 1;
  const lines: ExecutionLine[] = [];
  for (let at = 0; at < reads.length; at += size) {
    const text = `read ${reads.slice(at, at + size).map(describe).join(", ")}`;
    lines.push({ ...shared, text, source: "reads" });
  }
  return lines;
}

/** As in `FLUXBASE_SECRET_API_KEY (global, version 3)`. */
function describe({ name, scope, version }: ValueSource): string {
  const which = version === null ? "" : `, version ${version}`;
  return `${prefixOf(scope)}${name} (${scope}${which})`;
}

function prefixOf(scope: ValueSource["scope"]): string {
  if (scope === "system") return SYSTEM_PREFIX;
  return scope === "user" ? USER_PREFIX : ENV_PREFIX;
}
