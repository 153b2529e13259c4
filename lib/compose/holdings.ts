/**
 * The second stage: secrets, settings, identities, and what looks after all of them.
 *
 * @module
 */
import { startAuth, type StartedAuth } from "../auth/start.ts";
import { SCHEDULES_SET } from "../jobs/schedules.ts";
import { errorFields } from "../log.ts";
import type { Namespace } from "../resolve/ref.ts";
import { Resolver } from "../resolve/resolver.ts";
import { sealedTables } from "../server/sealed_tables.ts";
import { openVerification } from "../server/verification.ts";
import { startSettings } from "../settings/start.ts";
import { DEPLOYMENTS_SET } from "../store/deployments.ts";
import { openRowSet } from "../store/row_set_making.ts";
import { StoredSecretSource } from "../store/secret_source.ts";
import { SECRETS_CHANNEL } from "../store/secret_writes.ts";
import { SERVICE_KEYS_CHANNEL } from "../store/service_keys.ts";
import type { Database } from "../store/sql.ts";
import { Vault } from "../vault/vault.ts";
import type { Ground } from "./ground.ts";
import { ADMIN_KEY_FILE, type Start } from "./start.ts";

/** What is kept, and who may do what with it. */
export type Holdings = Awaited<ReturnType<typeof openHoldings>>;

/** Opens what is kept. */
export async function openHoldings({ config, log, opened }: Start, ground: Ground) {
  const { dataDir, root, keyring, database, ring, sql, watch, fresh } = ground;
  const resolver = new Resolver(new StoredSecretSource(sql), ring, {
    ...fresh,
    watch,
    environment: config.secrets,
    onStale: ({ namespace, ageMs }) =>
      log.warn("stale secrets", { namespace: namespace ?? undefined, age_ms: Math.round(ageMs) }),
  });
  const settings = await startSettings({
    database,
    ring,
    watch,
    secrets: resolver,
    ...fresh,
    onStale: (ms) => log.warn("stale settings", { age_ms: Math.round(ms) }),
  });
  opened.defer(() => settings.close());
  const identity = await startAuth({
    sql,
    ring,
    settings: config.auth,
    watch,
    ...fresh,
    onError: (what, error) => log.warn("identity", { what, ...errorFields(error) }),
  });
  opened.defer(() => identity.close());
  const vault = new Vault({
    sql,
    ring,
    resolver,
    watch,
    environment: config.secrets,
    keepVersions: config.versionsKeep,
  });
  const created = await identity.systemKeys.ensureAdminKey((text) =>
    dataDir.writeKey(ADMIN_KEY_FILE, text)
  );
  await subscribe(database, resolver, identity, opened);
  const deployments = await openRowSet(sql, DEPLOYMENTS_SET, { ring, watch });
  const schedules = await openRowSet(sql, SCHEDULES_SET, { ring, watch });
  const tables = sealedTables(watch, identity, { deployments, schedules, settings: settings.set });
  const keys = await keyring.serve({
    tables,
    limits: config.keys.limits,
    rootRenewal: root.renewal,
    onChange: () => identity.invalidate(null),
  });
  opened.defer(() => keys.close());
  const verification = openVerification({
    sql,
    ring,
    watch,
    tables,
    serviceKeys: identity.set,
    deployments,
    schedules,
    settings: settings.set,
    checkRing: () => keys.report(),
    onPlace: (place) => resolver.invalidate(place),
    onServiceKeys: () => identity.invalidate(null),
    onAccept: (place, by, accepted) => log.warn("accepted", { place, by, ...accepted }),
  });
  return {
    resolver,
    settings,
    identity,
    vault,
    hasNewAdminKey: created !== undefined,
    deployments,
    schedules,
    keys,
    verification,
  };
}

/** What another process tells of, and what may have been missed, is looked up again. */
async function subscribe(
  database: Database,
  resolver: Resolver,
  identity: StartedAuth,
  opened: AsyncDisposableStack,
): Promise<void> {
  const secrets = await database.listen(
    SECRETS_CHANNEL,
    (payload) => resolver.invalidate(payload === "" ? null : payload as Namespace),
    () => resolver.doubt(null),
  );
  opened.defer(() => secrets.close());
  const serviceKeys = await database.listen(
    SERVICE_KEYS_CHANNEL,
    (payload) => identity.invalidate(payload === "" ? null : payload),
    () => identity.doubt(),
  );
  opened.defer(() => serviceKeys.close());
}
