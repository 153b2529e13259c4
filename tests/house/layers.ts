/**
 * Who may import whom: each room may import rooms of a lower rank, and itself.
 *
 * @module
 */

/** The rank of each room below `lib/`. A file directly in `lib/` is a room of its own. */
export const RANKS: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  "json_depth.ts": 0,
  "log.ts": 0,
  "version.ts": 0,
  std: 0,
  crypto: 1,
  resolve: 2,
  principal: 3,
  audit: 3.5,
  store: 4,
  runtime: 4,
  keyring: 4.5,
  verify: 4.6,
  vault: 5,
  auth: 5,
  jobs: 5,
  deploy: 5,
  settings: 5.5,
  backup: 5.6,
  http: 6,
  cli: 6,
  server: 6,
  compose: 7,
};

/** The room of a path, or `null` outside of `lib/`. */
export function roomOf(path: string): string | null {
  const [, below] = /(?:^|\/)lib\/(.+)$/.exec(path) ?? [];
  return below?.split("/")[0] ?? null;
}

/**
 * Says what is wrong with an import.
 *
 * @param from The importing file's path.
 * @param to The imported file's path.
 * @returns One sentence, or `null` when the import is fine.
 */
export function problemOf(from: string, to: string): string | null {
  const importer = roomOf(from);
  const imported = roomOf(to);
  if (importer === null || imported === null || importer === imported) return null;
  const [above, below] = [RANKS[importer], RANKS[imported]];
  if (above === undefined) return `lib/${importer} has no rank in tests/house/layers.ts`;
  if (below === undefined) return `lib/${imported} has no rank in tests/house/layers.ts`;
  return below < above ? null : `lib/${importer} may not import lib/${imported}`;
}
