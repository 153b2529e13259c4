/**
 * Which function or job a command means, and where the API keeps it.
 *
 * @module
 */
import { parseNamespace } from "../resolve/ref.ts";
import type { CodeNoun } from "./code_commands.ts";
import { usageError } from "./failure.ts";
import type { Context } from "./table.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** A path of the API and the query that goes with it. */
export interface CodeLocation {
  readonly name: string;
  readonly path: string;
  readonly query: { readonly namespace: string | null };
}

/**
 * Where NAME and `--namespace` are.
 *
 * @throws {CliError} Exit 2 when a name breaks its rule.
 */
export function codeLocation(context: Context, noun: CodeNoun): CodeLocation {
  const name = parseCodeName(context.args.NAME!);
  return {
    name,
    path: `/api/v1/admin/${noun}s/${name}`,
    query: { namespace: namespaceFlag(context) },
  };
}

/** The `--namespace` flag, checked; `null` when it wasn't given. */
export function namespaceFlag(context: Context): string | null {
  const namespace = context.flags.text("namespace");
  return namespace === undefined ? null : parseNamespace(namespace);
}

/** A name of a function or job, as typed. @throws {CliError} Exit 2 when it breaks the rule. */
export function parseCodeName(text: string): string {
  if (NAME.test(text)) return text;
  throw usageError("NAME must be 1 to 63 of A-Z a-z 0-9 _ - and begin with a letter or digit");
}

/** A noun at the beginning of a sentence. */
export function capital(noun: CodeNoun): string {
  return noun === "function" ? "Function" : "Job";
}
