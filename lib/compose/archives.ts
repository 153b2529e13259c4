/**
 * Backups of everything, and what moves in from elsewhere.
 *
 * @module
 */
import { Backups } from "../backup/backups.ts";
import { Importer } from "../backup/import.ts";
import { AppError } from "../errors.ts";
import { errorFields, type Log } from "../log.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import type { Work } from "./work.ts";

/** What takes everything out, and brings it in. */
export interface Archives {
  readonly backups: Backups;
  readonly importer: Importer;
}

/** Opens both. */
export function openArchives(
  log: Log,
  { sql, ring, watch }: Ground,
  { resolver, settings, identity, deployments, schedules }: Holdings,
  { jobs }: Work,
): Archives {
  const backups = new Backups({
    sql,
    ring,
    watch,
    serviceKeys: identity.set,
    deployments,
    settings: settings.set,
    schedules,
    planner: jobs.schedules,
    onRestored: (places) => {
      for (const place of places) resolver.invalidate(place);
      settings.users.doubtAll();
      identity.invalidate(null);
    },
    onBroken: (error) =>
      log.warn("backup broke off", {
        ...(error instanceof AppError && { reason: error.message }),
        ...errorFields(error),
      }),
  });
  const importer = new Importer({
    settings: settings.set,
    sql,
    ring,
    watch,
    onSecrets: (place) => resolver.invalidate(place),
    onSettings: (userId) => settings.users.invalidate(userId),
  });
  return { backups, importer };
}
