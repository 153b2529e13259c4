/**
 * `backup create`, `verify` and `restore`. What is written and sent is encrypted as a whole.
 *
 * @module
 */
import { decryptWith, type Lock, type Unlock } from "../backup/cipher.ts";
import { checkBackup, type Counts } from "../backup/lines.ts";
import { failureOf } from "./answer.ts";
import { CliError, usageError } from "./failure.ts";
import { later } from "./later.ts";
import { writeNewFile } from "./new_file.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

const PATH = "/api/v1/admin/backup";
const TIMEOUT_MS = 60 * 60 * 1_000;
const MAX_SMALL_FILE = 64 * 1024;

/** Makes a backup. */
export async function createBackup(context: Context): Promise<void> {
  const { args, io } = context;
  const lock = await lockOf(context);
  const client = await context.connect();
  const options = { json: lock, timeoutMs: TIMEOUT_MS };
  if (args.FILE === "-") {
    const response = await client.stream("POST", PATH, options);
    return await copy(await bodyOf(response), (chunk) => io.outBytes(chunk));
  }
  const path = context.settings.resolvePath(args.FILE!);
  await writeNewFile(path, "backup create - > FILE", async (write) => {
    await copy(await bodyOf(await client.stream("POST", PATH, options)), write);
  });
  io.tell(`Backup written to ${args.FILE}`);
}

/** Opens a backup and counts what is in it. */
export async function verifyBackup(context: Context): Promise<void> {
  const unlock = await unlockOf(context);
  const { createdAt, counts } = await checkBackup(await decryptWith(unlock, await read(context)));
  await show(context, { created_at: createdAt, ...counted(counts) }, "Whole");
}

/** Restores a backup. */
export async function restoreBackup(context: Context): Promise<void> {
  const unlock = await unlockOf(context);
  const first = new TextEncoder().encode(JSON.stringify(unlock) + "\n");
  const file = await read(context);
  const client = await context.connect();
  const { restored } = await client.json<{ restored: Counts }>("POST", `${PATH}/restore`, {
    body: ReadableStream.from(sequence(first, file)),
    headers: { "content-type": "application/octet-stream" },
    once: true,
    timeoutMs: TIMEOUT_MS,
  });
  await show(context, counted(restored), "Restored");
  if (restored.serviceKey > 0) {
    context.io.note("The backup's service keys came as a record, revoked: make new ones.");
  }
}

function counted(counts: Counts): Record<string, number> {
  return {
    secrets: counts.secret,
    versions: counts.version,
    settings: counts.setting,
    service_keys: counts.serviceKey,
    functions_and_jobs: counts.deployment,
    code_versions: counts.deploymentVersion,
    schedules: counts.schedule,
  };
}

async function show(
  context: Context,
  data: Record<string, unknown>,
  what: string,
): Promise<void> {
  if (context.settings.format !== "table") return await printData(context, data);
  const parts = Object.entries(data).map(([name, value]) => {
    const text = value instanceof Date ? value.toISOString() : String(value);
    return `${name.replaceAll("_", " ")} ${text}`;
  });
  context.io.out(`${what}: ${parts.join(", ")}`);
}

async function lockOf(context: Context): Promise<Lock> {
  const recipients = context.flags.texts("recipient");
  if (recipients.length === 0) return { passphrase: await passphraseOf(context, true) };
  if (context.flags.text("passphrase-file") === undefined) return { recipients };
  throw usageError("Give --recipient or --passphrase-file, not both");
}

async function unlockOf(context: Context): Promise<Unlock> {
  const path = context.flags.text("identity-file");
  if (path === undefined) return { passphrase: await passphraseOf(context, false) };
  const lines = (await readText(context, path, "--identity-file")).split(/\r?\n/);
  const identities = lines.filter((line) => line.startsWith("AGE-SECRET-KEY-"));
  if (identities.length > 0) return { identities };
  throw usageError("--identity-file holds no line AGE-SECRET-KEY-…");
}

async function passphraseOf(context: Context, isNew: boolean): Promise<string> {
  const path = context.flags.text("passphrase-file");
  if (path !== undefined) {
    const [line = ""] = (await readText(context, path, "--passphrase-file")).split(/\r?\n/);
    if (line !== "") return line;
    throw usageError("--passphrase-file has an empty first line");
  }
  if (!context.io.interactive) {
    throw usageError("A passphrase is needed", "Give a file that holds it: --passphrase-file PATH");
  }
  const { promptHidden } = await later<typeof import("./prompt.ts")>("./prompt.ts");
  const passphrase = await promptHidden("Passphrase (hidden): ");
  if (isNew && await promptHidden("Once more: ") !== passphrase) throw usageError("They differ");
  return passphrase;
}

/** Reads a small file of a flag; `-` is stdin. */
export async function readText(context: Context, path: string, flag: string): Promise<string> {
  if (path === "-" && context.args.FILE === "-") throw usageError("Only one can come from stdin");
  const stream = path === "-" ? context.io.stdin : await openFile(context, path, flag);
  const chunks: Uint8Array[] = [];
  let length = 0;
  await copy(stream, (chunk) => {
    length += chunk.length;
    if (length > MAX_SMALL_FILE) throw usageError(`The file of ${flag} is too large`);
    chunks.push(chunk);
    return Promise.resolve();
  });
  const bytes = await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer();
  return new TextDecoder().decode(bytes);
}

async function read(context: Context): Promise<ReadableStream<Uint8Array>> {
  const { args, io } = context;
  return args.FILE === "-" ? io.stdin : await openFile(context, args.FILE!, "FILE");
}

async function openFile(
  context: Context,
  path: string,
  what: string,
): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(context.settings.resolvePath(path))).readable;
  } catch {
    throw usageError(`${what} cannot be read`);
  }
}

async function bodyOf(response: Response): Promise<ReadableStream<Uint8Array>> {
  if (!response.ok) throw failureOf(response.status, await response.text());
  return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
}

/** The server breaks off when it finds something that is not as it was written. */
async function copy(
  stream: ReadableStream<Uint8Array>,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new CliError(1, "It broke off", { hint: "The server's log says why; try: verify" });
    });
    if (done) return;
    await take(value);
  }
}

async function* sequence(
  first: Uint8Array,
  rest: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
