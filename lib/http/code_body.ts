/**
 * Bodies of requests that deploy code: a directory's files, or code by name as other clients of the
 * API send it.
 *
 * @module
 */
import * as z from "zod";
import type { UploadedFile } from "../deploy/upload.ts";
import { AppError } from "../errors.ts";
import { type Namespace, parseNamespace } from "../resolve/ref.ts";
import type { FunctionSettings } from "../runtime/code/settings.ts";
import type { CodeKind } from "../store/deployment_rows.ts";

/** The longest body that deploys: 32 MiB of sources in base64, and what is around them. */
export const MAX_DEPLOY_BYTES = 48 * 1024 * 1024;

const text = z.string({ error: "must be text" });
const optional = <T extends z.ZodType>(type: T) => type.nullish();
const flag = optional(z.boolean({ error: "must be true or false" }));
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return optional(z.number({ error }).int({ error }).min(min, { error }).max(max, { error }));
};

const file = z.object({
  path: text,
  text: text.optional(),
  base64: text.optional(),
});

const settingsFields = {
  timeout_seconds: whole(1, 3_600),
  memory_limit_mb: whole(96, 4_096),
  allow_net: flag,
  allow_unauthenticated: flag,
  enabled: flag,
  allow_read: flag,
  allow_write: flag,
  cron_schedule: optional(text),
  schedule: optional(text),
};

/** Code by name. Descriptions and CORS settings are taken and not kept: the code answers itself. */
const named = z.object({ name: text, code: text, ...settingsFields });

/** Body of `POST …/sync`. */
export const syncBody = z.object({
  namespace: optional(text),
  names: optional(z.array(text, { error: "must be a list of names" })),
  files: optional(z.array(file, { error: "must be a list of files" })),
  functions: optional(z.array(named, { error: "must be a list of functions" })),
  jobs: optional(z.array(named, { error: "must be a list of jobs" })),
  options: optional(z.object({ dry_run: flag, delete_missing: flag })),
});

/** Body of `POST /functions`. */
export const createBody = named;
/** Body of `PUT /functions/:name`. */
export const updateBody = z.object({ code: optional(text), ...settingsFields });

type Named = z.infer<typeof named>;
type SettingsFields = z.infer<typeof updateBody>;
type SyncBody = z.infer<typeof syncBody>;

/**
 * The files of a body: as they were sent, or one for each piece of code with a `deno.json` for what
 * was sent about it.
 *
 * @throws {AppError} INVALID_REQUEST_BODY when there is neither, or both; INVALID_INPUT for what this
 * server doesn't do.
 */
export function filesOf(body: SyncBody, kind: CodeKind): UploadedFile[] {
  const code = (kind === "function" ? body.functions : body.jobs) ?? null;
  if ((body.files == null) === (code === null)) {
    throw new AppError(
      "INVALID_REQUEST_BODY",
      `Invalid request body: give files, or ${kind}s with their code`,
    );
  }
  return body.files == null ? namedFiles(code ?? [], kind) : body.files.map(fileOf);
}

/** The files of code by name. @throws {AppError} INVALID_INPUT for what this server doesn't do. */
export function namedFiles(code: readonly Named[], kind: CodeKind): UploadedFile[] {
  const settings: Record<string, unknown> = {};
  for (const each of code) settings[each.name] = configOf(each);
  const config = JSON.stringify({ fluxbase: { [`${kind}s`]: settings } });
  return [
    ...code.map((each) => encoded(`${each.name}.ts`, each.code)),
    encoded("deno.json", config),
  ];
}

/**
 * How a body changes settings; what it doesn't name stays.
 *
 * @throws {AppError} INVALID_INPUT for what this server doesn't do.
 */
export function settingsChange(
  body: SettingsFields,
): (from: FunctionSettings) => FunctionSettings {
  refuseUnsupported(body);
  const { timeout_seconds, memory_limit_mb, allow_net, allow_unauthenticated } = body;
  return (from) => ({
    ...from,
    ...(timeout_seconds != null && { timeoutMs: timeout_seconds * 1_000 }),
    ...(memory_limit_mb != null && { memoryMb: memory_limit_mb }),
    ...(allow_net === false && { network: [] }),
    ...(allow_net === true && from.network?.length === 0 && { network: null }),
    ...(allow_unauthenticated != null && { anonymous: allow_unauthenticated }),
  });
}

/** The namespace that a body names; empty and missing mean none. */
export function namespaceIn(given: string | null | undefined): Namespace | null {
  return given == null || given === "" ? null : parseNamespace(given);
}

function configOf(each: Named): Record<string, unknown> {
  refuseUnsupported(each);
  return {
    ...(each.timeout_seconds != null && { timeoutSeconds: each.timeout_seconds }),
    ...(each.memory_limit_mb != null && { memoryMb: each.memory_limit_mb }),
    ...(each.allow_net === false && { network: [] }),
    ...(each.allow_unauthenticated != null && { anonymous: each.allow_unauthenticated }),
  };
}

/** What would be believed to hold and doesn't is refused, not passed over. */
function refuseUnsupported(body: SettingsFields): void {
  const wrong = body.enabled === false
    ? "enabled must be true; delete what is not to be called"
    : body.allow_read === true || body.allow_write === true
    ? "allow_read and allow_write must be false; code has no access to files"
    : body.cron_schedule || body.schedule
    ? "A schedule is not part of the code; set one with: jobs schedule"
    : null;
  if (wrong !== null) throw new AppError("INVALID_INPUT", wrong);
}

function fileOf({ path, text, base64 }: z.infer<typeof file>, index: number): UploadedFile {
  if ((text === undefined) === (base64 === undefined)) {
    throw new AppError(
      "INVALID_REQUEST_BODY",
      `Invalid request body: files.${index} must have either text or base64`,
    );
  }
  if (base64 === undefined) return encoded(path, text ?? "");
  try {
    return { path, bytes: Uint8Array.fromBase64(base64) };
  } catch {
    throw new AppError(
      "INVALID_REQUEST_BODY",
      `Invalid request body: files.${index}.base64 must be base64`,
    );
  }
}

function encoded(path: string, content: string): UploadedFile {
  return { path, bytes: new TextEncoder().encode(content) };
}
