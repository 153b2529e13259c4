/**
 * The source map that a bundle carries, so that stack traces show lines of the user's files.
 *
 * @module
 */
import { resolve } from "node:path";
import { z } from "zod";
import { keepSources } from "./mappings.ts";
import type { SourceNames } from "./source_names.ts";

const SourceMap = z.object({
  version: z.literal(3),
  sources: z.array(z.string()),
  mappings: z.string(),
});

/** Characters of mappings past which a bundle goes without a map: a child reads it as it starts. */
const LIMIT = 256 * 1024;

/**
 * The comment that ends a bundle: its map, with positions in the function's own files only.
 *
 * Packages are left out, since reading their positions takes a child longer than starting does.
 * Texts of sources and names of variables are dropped: the bundler also follows a
 * `sourceMappingURL` that a source file contains, to any file on the machine.
 *
 * @param json The map that the bundler made, or "" for none.
 * @param folder What its paths are relative to, absolute.
 * @param label The scheme of the names in stack traces, such as `function` in `function:pay.ts`.
 */
export function inlineMap(
  json: string,
  folder: string,
  options: { readonly names: SourceNames; readonly label: string },
): string {
  if (json === "") return "";
  const map = SourceMap.parse(JSON.parse(json));
  const own = map.sources.map((source) => options.names.relative(resolve(folder, source)));
  const mappings = keepSources(map.mappings, own.map((file) => file !== null));
  if (mappings.length > LIMIT) return "";
  const sources = own.filter((file) => file !== null)
    .map((file) => `${options.label}:${encodeURI(file)}`);
  const text = JSON.stringify({ version: 3, sources, mappings, names: [] });
  const base64 = new TextEncoder().encode(text).toBase64();
  return `//# sourceMappingURL=data:application/json;base64,${base64}\n`;
}
