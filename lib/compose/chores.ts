/**
 * What is done every hour, or every minute, beside the calls.
 *
 * @module
 */
import { errorFields } from "../log.ts";
import { SYSTEM } from "../audit/actor.ts";
import { Maintenance } from "../server/maintenance.ts";
import { purgeRecords } from "../store/audit_list.ts";
import { purgeDeployments } from "../store/deployments.ts";
import { purgeAnswers } from "../store/idempotency.ts";
import { purgeOld, trimExecutions, trimLines } from "../store/log_retention.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import type { Start } from "./start.ts";
import { ago, DAY_MS, MINUTE_MS } from "./time.ts";
import type { Work } from "./work.ts";

/** How long code that was deleted is kept, ms. */
const DELETED_MS = 30 * DAY_MS;

/** Starts cleaning up. */
export function startChores(start: Start, ground: Ground, holdings: Holdings, work: Work): void {
  const { config, log, opened } = start;
  const { sql, ring, audit } = ground;
  const { keys, identity, vault, deployments } = holdings;
  const { functions, jobCode, jobs } = work;
  const maintenance = new Maintenance([
    {
      name: "key ring",
      run: async () => {
        for (const { id, purpose } of await keys.tidy()) {
          audit.note({ action: "keyring.rotate", actor: SYSTEM, detail: { key: id, purpose } });
        }
      },
    },
    { name: "answers", run: (now) => purgeAnswers(sql, now) },
    { name: "exchanged keys", run: (now) => identity.purge(now) },
    {
      name: "deleted secrets",
      run: (now) => vault.purgeDeleted(ago(now, config.deletedRetentionDays * DAY_MS)),
    },
    {
      name: "old versions",
      run: (now) =>
        vault.trimHistories({
          versions: config.versionsKeep,
          replacedBefore: config.versionsKeepDays === null
            ? null
            : ago(now, config.versionsKeepDays * DAY_MS),
        }),
    },
    {
      name: "deployed code",
      run: (now) => purgeDeployments({ sql, set: deployments }, ago(now, DELETED_MS)),
    },
    { name: "kept code", run: (now) => functions.sweep(ago(now, DAY_MS)) },
    { name: "kept job code", run: (now) => jobCode.sweep(ago(now, DAY_MS)) },
    { name: "jobs", run: (now) => jobs.purge(ago(now, config.logRetentionDays * DAY_MS)) },
    {
      name: "audit",
      run: (now) => purgeRecords(sql, ring, ago(now, config.auditRetentionDays * DAY_MS)),
    },
    {
      name: "executions",
      run: async (now) => {
        await purgeOld(sql, ago(now, config.logRetentionDays * DAY_MS));
        await trimExecutions(sql, config.logMaxRows);
      },
    },
  ], (chore, error) => log.error("chore failed", { chore, ...errorFields(error) }));
  opened.defer(() => maintenance.close());
  // A busy hour prints more lines than there may be.
  const trimming = new Maintenance(
    [{ name: "log", run: () => trimLines(sql, config.logMaxRows) }],
    (chore, error) => log.error("chore failed", { chore, ...errorFields(error) }),
    MINUTE_MS,
  );
  opened.defer(() => trimming.close());
}
