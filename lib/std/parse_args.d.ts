export interface ParseOptions {
  /** Options that are always flags. */
  boolean?: readonly string[];
  /** Options that always take text. */
  string?: readonly string[];
  /** Options that may be given more than once; their value is an array. */
  collect?: readonly string[];
  /** Options that have a `--no-` form. */
  negatable?: readonly string[];
  alias?: Readonly<Record<string, string | readonly string[]>>;
  default?: Readonly<Record<string, unknown>>;
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export interface Args {
  _: (string | number)[];
  "--"?: string[];
  [name: string]: unknown;
}
export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
