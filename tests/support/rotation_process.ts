/**
 * A process with a server's ring and vault that changes keys and roots all the time, until it is
 * killed. What it does it says on stdout, a line each; `ok NAME VERSION` for an acknowledged write.
 *
 * Arguments: `run` or `finish`, and as JSON a {@linkcode RotationSite}.
 *
 * @module
 */
import { serviceKeyTable } from "../../lib/auth/sealed_tables.ts";
import { generateRootKey } from "../../lib/crypto/root_key.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { type OpenedKeyring, openKeyring } from "../../lib/keyring/start.ts";
import type { KeyService } from "../../lib/keyring/key_service.ts";
import { readConfig } from "../../lib/server/config.ts";
import { DataDir } from "../../lib/server/data_dir.ts";
import { findRoot } from "../../lib/server/root_keys.ts";
import { sealedTables } from "../../lib/server/sealed_tables.ts";
import { verifyVersionRow } from "../../lib/resolve/associated_data.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { openVersion, Resolver } from "../../lib/resolve/resolver.ts";
import { openEmbedded } from "../../lib/store/embedded.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import { findSecret, listVersions } from "../../lib/store/secrets.ts";
import { StoredSecretSource } from "../../lib/store/secret_source.ts";
import { listDataKeys } from "../../lib/store/data_keys.ts";
import type { Database } from "../../lib/store/sql.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { openRowSets } from "./row_sets.ts";
import { admin, ref } from "./world.ts";

/** Where the process works. */
export interface RotationSite {
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  /** How many secrets there are; each value is `NAME#VERSION`. */
  readonly secrets: number;
}

interface Parts {
  readonly site: RotationSite;
  readonly dataDir: DataDir;
  readonly database: Database;
  readonly keyring: OpenedKeyring;
  readonly service: KeyService;
  readonly vault: Vault;
  readonly resolver: Resolver;
}

const WRITERS = 2;
/** New roots for each new set of keys. */
const ROOTS_A_TURN = 5;
const ROOT_FILE = "roots";

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function open(site: RotationSite): Promise<Parts> {
  const dataDir = await DataDir.open(site.dataDir);
  const database = site.databaseUrl === null
    ? await openEmbedded(dataDir.file("database"))
    : await openPostgres(site.databaseUrl);
  // With PostgreSQL the root is the operator's: a file, which is changed as one would.
  if (site.databaseUrl !== null && await dataDir.readKey(ROOT_FILE) === null) {
    await dataDir.writeKey(ROOT_FILE, generateRootKey().text);
  }
  const { keys } = readConfig({
    ...(site.databaseUrl !== null && {
      DATABASE_URL: site.databaseUrl,
      FLUXBASE_ENCRYPTION_KEY_FILE: dataDir.file(ROOT_FILE),
    }),
  });
  const root = await findRoot(keys, dataDir, database, {});
  const onEvent = (what: string, detail: unknown) => {
    if (detail instanceof Error) say(`trouble ${what}: ${detail.message}`);
  };
  const keyring = await openKeyring({ database, provider: root.provider, onEvent });
  const { sql } = keyring.database;
  const { ring } = keyring.keeper;
  const watch = new HeadWatch();
  const { keySet, ...sets } = await openRowSets(sql, ring, watch);
  const service = await keyring.serve({
    tables: sealedTables(watch, { tables: [serviceKeyTable(keySet)] }, sets),
    limits: keys.limits,
    rootRenewal: root.renewal,
    onChange: () => {},
  });
  const resolver = new Resolver(new StoredSecretSource(sql), ring, { watch, freshMs: Infinity });
  const vault = new Vault({ sql, ring, resolver, watch });
  return { site, dataDir, database, keyring, service, vault, resolver };
}

const nameOf = (i: number) => ref(`S_${i}`, i % 3 === 0 ? undefined : `place-${i % 3}`);

/** Reads everything that there is, every version of it. */
async function check({ site, keyring, resolver }: Parts): Promise<void> {
  const { sql } = keyring.database;
  const { ring } = keyring.keeper;
  for (const place of [null, nameOf(1).namespace, nameOf(2).namespace]) {
    resolver.invalidate(null);
    await resolver.resolve(place);
  }
  for (let i = 0; i < site.secrets; i++) {
    const secret = await findSecret(sql, nameOf(i));
    if (secret === undefined) continue;
    const versions = await listVersions(sql, secret.id);
    if (versions.length !== secret.version) throw new Error(`${secret.name} lacks versions`);
    for (const version of versions) {
      verifyVersionRow(ring, secret, version);
      const text = openVersion(ring, secret, version).reveal();
      if (text !== `${secret.name}#${version.version}`) throw new Error(`${secret.name}: ${text}`);
    }
    say(`has ${secret.name} ${secret.version}`);
  }
}

async function write({ site, vault }: Parts, writer: number): Promise<void> {
  const versions = new Map<number, number>();
  for (let i = writer;; i = (i + WRITERS) % site.secrets) {
    const secret = nameOf(i);
    let version = versions.get(i);
    if (version === undefined) {
      version = await vault.find(admin, secret).then((found) => found.version, () => 0);
    }
    const value = Plaintext.fromText(`${secret.name}#${version + 1}`);
    if (version === 0) await vault.create(admin, secret, { value });
    else await vault.update(admin, secret, { value }, { ifMatch: [version] });
    versions.set(i, version + 1);
    say(`ok ${secret.name} ${version + 1}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Both rotations at once, and the retiring of what they leave, over and over. */
async function change(parts: Parts): Promise<never> {
  const { service } = parts;
  for (;;) {
    say("now rotate");
    await service.rotate(admin);
    for (let i = 0; i < ROOTS_A_TURN; i++) {
      say("now rewrap");
      await changeRoot(parts);
    }
    say("now renew");
    await service.settled();
    say("ended rotate");
    say("now retire");
    await retireOld(parts);
  }
}

async function changeRoot(parts: Parts): Promise<void> {
  const { site, dataDir, service } = parts;
  if (site.databaseUrl === null) await service.rewrap(admin, true);
  else {
    // One that was interrupted is ended first: two may hold the ring between them.
    await endRootChange(parts);
    const present = await dataDir.readKey(ROOT_FILE);
    await dataDir.writeKey(ROOT_FILE, `${generateRootKey().text},${present}`);
    await endRootChange(parts);
  }
  say("ended rewrap");
}

/** Seals the ring under the root in front; the others go only when nothing is under them. */
async function endRootChange({ dataDir, service, database }: Parts): Promise<void> {
  const { rootId } = await service.rewrap(admin, false);
  const [front] = (await dataDir.readKey(ROOT_FILE))!.split(",");
  const under = new Set((await listDataKeys(database.sql)).map((key) => key.rootId));
  if ([...under].some((id) => id !== rootId)) throw new Error("A root that is in use would go");
  await dataDir.writeKey(ROOT_FILE, front!);
}

async function retireOld({ service }: Parts): Promise<number> {
  let left = 0;
  for (const key of (await service.list(admin)).keys) {
    if (key.status === "primary" || key.destroyedAt !== null) continue;
    if (key.uses > 0) left++;
    else await service.retire(admin, key.id).catch(() => left++);
  }
  return left;
}

async function finish(parts: Parts): Promise<void> {
  const { service } = parts;
  // An interrupted change of the root is ended first.
  if (parts.site.databaseUrl === null) await service.rewrap(admin, true);
  else await endRootChange(parts);
  await service.tidy();
  await service.settled();
  await check(parts);
  const left = await retireOld(parts);
  await check(parts);
  const { problems } = await service.verify(admin, true);
  say(`end ${left} old keys left, problems: ${problems.join("; ") || "none"}`);
}

if (import.meta.main) {
  const [mode, site] = Deno.args;
  const parts = await open(JSON.parse(site!) as RotationSite);
  await check(parts);
  say("open");
  if (mode === "finish") {
    await finish(parts);
    await parts.service.close();
    await parts.database.close();
  } else {
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(parts, writer));
    await Promise.race([change(parts), ...writers]);
  }
}
