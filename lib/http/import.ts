/**
 * The API of moving in, for `/api/v1/admin/import`. No answer holds a value.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "zod";
import type { Importer } from "../backup/import.ts";
import { AppError } from "../errors.ts";
import { readJson } from "./body.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";

/** A secret's whole history comes at once. */
const MAX_BYTES = 64 * 1024 * 1024;

const text = z.string({ error: "must be a string" });
const time = z.iso.datetime({ error: "must be a time" }).transform((at) => new Date(at));
const author = text.max(255).nullable();
const common = {
  description: text.nullable(),
  created_at: time,
  updated_at: time,
  created_by: author,
  updated_by: author,
};
const version = z.object({ version: z.int(), value: text, created_at: time, created_by: author });
const secret = z.object({
  ...common,
  name: text,
  namespace: text.nullable(),
  expires_at: time.nullable(),
  versions: z.array(version).max(100_000),
});
const setting = z.object({ ...common, key: text, user_id: text.nullable(), value: text });
const body = z.object({
  dry_run: z.boolean({ error: "must be true or false" }).optional(),
  secrets: z.array(secret).max(1_000).optional(),
  settings: z.array(setting).max(1_000).optional(),
});

/** Serves `POST /`. */
export function importRoutes(importer: Importer): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", {
    async POST(c) {
      const parsed = await readJson(c, body, { limit: MAX_BYTES });
      const { dry_run: dryRun = false, secrets = [], settings = [] } = parsed;
      if (secrets.length + settings.length === 0) {
        throw new AppError("INVALID_INPUT", "There are no secrets and no settings");
      }
      const principal = c.get("principal");
      return c.json({
        secrets: await importer.secrets(principal, secrets.map(secretOf), { dryRun }),
        settings: await importer.settings(principal, settings.map(settingOf), { dryRun }),
      });
    },
  });
  return app;
}

function secretOf(given: z.output<typeof secret>) {
  const { name, namespace, expires_at: expiresAt } = given;
  const versions = given.versions.map((each) => ({
    version: each.version,
    value: each.value,
    createdAt: each.created_at,
    createdBy: each.created_by,
  }));
  return { ...commonOf(given), name, namespace, expiresAt, versions };
}

function settingOf(given: z.output<typeof setting>) {
  const { key, user_id: userId, value } = given;
  return { ...commonOf(given), key, userId, value };
}

function commonOf(given: Pick<z.output<typeof setting>, keyof typeof common>) {
  return {
    description: given.description,
    createdAt: given.created_at,
    updatedAt: given.updated_at,
    createdBy: given.created_by,
    updatedBy: given.updated_by,
  };
}
