/**
 * What a backup holds, line by line. Values are in the clear here, and nowhere but inside the
 * encryption.
 *
 * @module
 */
import * as z from "zod";

const time = z.iso.datetime().transform((text) => new Date(text));
const id = z.uuid();
const text = z.string();
const number = z.int().min(1);
const author = text.nullable();

const secret = z.object({
  id,
  namespace: text.nullable(),
  name: text,
  description: text.nullable(),
  version: number,
  oldest_version: number,
  absences: text,
  expires_at: time.nullable(),
  created_at: time,
  updated_at: time,
  created_by: author,
  updated_by: author,
  deleted_at: time.nullable(),
});

const version = z.object({
  id,
  secret_id: id,
  version: number,
  value: text,
  created_at: time,
  created_by: author,
});

const setting = z.object({
  id,
  key: text,
  user_id: text.nullable(),
  description: text.nullable(),
  revision: number,
  value: text,
  created_at: time,
  updated_at: time,
  created_by: author,
  updated_by: author,
});

const serviceKey = z.object({
  id,
  prefix: text,
  name: text,
  grants: z.array(
    z.object({ actions: z.array(text), namespaces: z.array(text), names: z.array(text) }),
  ),
  cidrs: z.array(text).nullable(),
  created_at: time,
  created_by: author,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
});

const code = z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/), code: text, created_at: time });

const deployment = z.object({
  id,
  kind: z.enum(["function", "job"]),
  namespace: text.nullable(),
  name: text,
  version: number,
  created_at: time,
  updated_at: time,
  created_by: author,
  updated_by: author,
  deleted_at: time.nullable(),
});

const deploymentVersion = z.object({
  deployment_id: id,
  version: number,
  hash: text,
  settings: text,
  restored: z.int().nullable(),
  created_at: time,
  created_by: author,
});

const schedule = z.object({
  name: text,
  namespace: text.nullable(),
  cron: text,
  timezone: text,
  payload: text,
  principal: author,
  created_at: time,
  updated_at: time,
});

const schemas = {
  secret,
  version,
  setting,
  serviceKey,
  code,
  deployment,
  deploymentVersion,
  schedule,
};

/** The kinds of lines. */
export type Kind = keyof typeof schemas;

/** A line as it is read: times are dates. */
export type RecordOf<K extends Kind> = z.output<(typeof schemas)[K]>;

/** A line of any kind. */
export type BackupRecord = { [K in Kind]: { readonly kind: K; readonly data: RecordOf<K> } }[Kind];

/** Every kind, in the order in which they come. */
export const KINDS = Object.keys(schemas) as readonly Kind[];

/** The version of the format that is written. */
export const FORMAT_VERSION = 2;

/**
 * The kinds of a version of the format: version 1 was before schedules were saved.
 *
 * @returns `null` for a version that this release doesn't know.
 */
export function kindsOf(version: unknown): readonly Kind[] | null {
  if (version === 1) return KINDS.filter((kind) => kind !== "schedule");
  return version === FORMAT_VERSION ? KINDS : null;
}

/**
 * Reads one line's data.
 *
 * @returns `null` when it isn't of that kind.
 */
export function parseRecord(kind: Kind, data: unknown): BackupRecord | null {
  const result = schemas[kind].safeParse(data);
  // The kind picks the schema, which the compiler can't follow.
  return result.success ? { kind, data: result.data } as BackupRecord : null;
}
