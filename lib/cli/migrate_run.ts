/**
 * `migrate from-fluxbase`: reads the other database here, and sends what it holds to the server.
 *
 * @module
 */
import {
  type FluxbaseContents,
  type Found,
  type LeftBehind,
  nameOf,
  parseFluxbaseKey,
  readFluxbase,
  settingNameOf,
} from "../backup/fluxbase_source.ts";
import type { ImportResult } from "../backup/import.ts";
import type { ImportedSecret, ImportedSetting } from "../backup/imported_rows.ts";
import { AppError } from "../errors.ts";
import { openPostgres } from "../store/postgres.ts";
import { readText } from "./backup_run.ts";
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import { printable } from "./layout.ts";
import { printData } from "./output.ts";
import { fittingName } from "./renaming.ts";
import type { Context } from "./table.ts";

const PATH = "/api/v1/admin/import";
const TIMEOUT_MS = 300_000;
/** So much goes in one request. */
const BATCH_ITEMS = 500;
const BATCH_CHARACTERS = 8 * 1024 * 1024;

/** What became of each, in the order in which it is told. */
interface Report {
  readonly dry_run: boolean;
  readonly imported: { secrets: number; versions: number; settings: number };
  /** What is expired and came nevertheless. */
  readonly expired: string[];
  readonly renamed: string[];
  readonly exists: string[];
  readonly incomplete: string[];
  readonly left: { what: string; why: string }[];
}

/** Moves in. */
export async function migrateFromFluxbase(context: Context): Promise<void> {
  const { flags } = context;
  const keyFile = flags.text("source-key-file");
  if (keyFile === undefined) throw usageError("--source-key-file is needed");
  const key = parseFluxbaseKey(await readText(context, keyFile, "--source-key-file"));
  const url = await sourceUrl(context);
  const client = await context.connect();
  const contents = await readSource(context, url, key);
  const dryRun = flags.on("dry-run");
  const report: Report = {
    dry_run: dryRun,
    imported: { secrets: 0, versions: 0, settings: 0 },
    expired: [],
    renamed: [],
    exists: [],
    incomplete: [],
    left: [...contents.left],
  };
  const send = { client, dryRun, report };
  await sendSecrets(send, prepare(contents.secrets, flags.on("rename"), report));
  await sendSettings(send, contents.settings);
  await show(context, report);
}

/** What is wrong with the source is told of the flag that names it, and not of the server's own. */
async function readSource(
  { flags }: Context,
  url: string,
  key: Uint8Array,
): Promise<FluxbaseContents> {
  try {
    const source = await openPostgres(url, { max: 1, deadlineMs: 120_000, connectMs: 10_000 });
    return await readFluxbase(source.sql, key).finally(() => source.close());
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const flag = flags.text("source-url") === undefined ? "--source-url-file" : "--source-url";
    throw new AppError(error.code, error.message.replaceAll("DATABASE_URL", flag));
  }
}

async function sourceUrl(context: Context): Promise<string> {
  const { flags } = context;
  const [typed, path] = [flags.text("source-url"), flags.text("source-url-file")];
  if ((typed === undefined) === (path === undefined)) {
    throw usageError("Give --source-url or --source-url-file");
  }
  if (typed !== undefined) return typed;
  return (await readText(context, path!, "--source-url-file")).trim();
}

/** Puts names in upper case, as they are here, and sees to those that break the rule. */
function prepare(
  found: readonly Found<ImportedSecret>[],
  rename: boolean,
  report: Report,
): ImportedSecret[] {
  const now = new Date();
  const seen = new Set<string>();
  return found.flatMap(({ item, lost }) => {
    const name = fittingName(item.name, rename);
    if (name === null) {
      report.left.push({ what: nameOf(item), why: "its name breaks our rule; try --rename" });
      return [];
    }
    const place = `${item.namespace ?? ""} ${name}`;
    if (seen.has(place)) {
      report.left.push({ what: nameOf(item), why: `another one is called ${name} here` });
      return [];
    }
    seen.add(place);
    if (name !== item.name) report.renamed.push(`${nameOf(item)} is now ${name}`);
    if (lost !== undefined) report.incomplete.push(`${nameOf(item)}: ${lost}`);
    if (item.expiresAt !== null && item.expiresAt <= now) report.expired.push(nameOf(item));
    return [{ ...item, name }];
  });
}

interface Send {
  readonly client: Client;
  readonly dryRun: boolean;
  readonly report: Report;
}

async function sendSecrets(send: Send, secrets: readonly ImportedSecret[]): Promise<void> {
  const size = ({ versions }: ImportedSecret) =>
    versions.reduce((sum, { value }) => sum + value.length + 200, 500);
  for (const batch of batches(secrets, size)) {
    const results = await post(send, { secrets: batch.map(secretJson) }, "secrets");
    note(send.report, results, (index) => nameOf(batch[index]!), (index) => {
      send.report.imported.secrets++;
      send.report.imported.versions += batch[index]!.versions.length;
    });
  }
}

async function sendSettings(send: Send, settings: readonly ImportedSetting[]): Promise<void> {
  for (const batch of batches(settings, ({ value }) => value.length + 500)) {
    const results = await post(send, { settings: batch.map(settingJson) }, "settings");
    const label = (index: number) => settingNameOf(batch[index]!.key, batch[index]!.userId);
    note(send.report, results, label, () => send.report.imported.settings++);
  }
}

async function post(
  { client, dryRun }: Send,
  body: object,
  kind: "secrets" | "settings",
): Promise<readonly ImportResult[]> {
  const json = { ...body, dry_run: dryRun };
  const options = { json, once: true, timeoutMs: TIMEOUT_MS };
  const answer = await client.json<Record<typeof kind, ImportResult[]>>("POST", PATH, options);
  return answer[kind];
}

function note(
  report: Report,
  results: readonly ImportResult[],
  label: (index: number) => string,
  onImported: (index: number) => void,
): void {
  results.forEach(({ outcome, reason = "it breaks a rule" }, index) => {
    if (outcome === "imported") onImported(index);
    else if (outcome === "exists") report.exists.push(label(index));
    else report.left.push({ what: label(index), why: reason });
  });
}

function* batches<T>(items: readonly T[], size: (item: T) => number): Generator<T[]> {
  let batch: T[] = [];
  let length = 0;
  for (const item of items) {
    const own = size(item);
    if (batch.length === BATCH_ITEMS || (batch.length > 0 && length + own > BATCH_CHARACTERS)) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(item);
    length += own;
  }
  if (batch.length > 0) yield batch;
}

function secretJson(secret: ImportedSecret): object {
  return {
    ...commonJson(secret),
    name: secret.name,
    namespace: secret.namespace,
    expires_at: secret.expiresAt,
    versions: secret.versions.map(({ version, value, createdAt, createdBy }) => ({
      version,
      value,
      created_at: createdAt,
      created_by: createdBy,
    })),
  };
}

function settingJson(setting: ImportedSetting): object {
  const { key, userId, value } = setting;
  return { ...commonJson(setting), key, user_id: userId, value };
}

function commonJson(item: ImportedSecret | ImportedSetting): object {
  return {
    description: item.description,
    created_at: item.createdAt,
    updated_at: item.updatedAt,
    created_by: item.createdBy,
    updated_by: item.updatedBy,
  };
}

async function show(context: Context, report: Report): Promise<void> {
  if (context.settings.format !== "table") return await printData(context, report);
  const { secrets, versions, settings } = report.imported;
  const say = report.dry_run ? "Would come over" : "Came over";
  context.io.out(`${say}: ${secrets} secrets with ${versions} versions, ${settings} settings`);
  const sections: [string, readonly string[]][] = [
    ["Renamed", report.renamed],
    ["Expired, and so not served", report.expired],
    ["Without their whole history", report.incomplete],
    ["Left as they are here, since the name is taken", report.exists],
    ["Left behind", report.left.map(({ what, why }: LeftBehind) => `${what}: ${why}`)],
  ];
  for (const [heading, lines] of sections) {
    if (lines.length === 0) continue;
    context.io.out(`${heading}:`);
    for (const line of lines) context.io.out(`  ${printable(line)}`);
  }
}
