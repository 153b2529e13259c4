/**
 * The API of settings secrets: those of the system, and those of the user who asks.
 *
 * Handlers parse, call the vault and shape the answer; they decide nothing.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import { AppError } from "../errors.ts";
import { parseSettingKey, type SettingKey, type UserId } from "../resolve/setting_ref.ts";
import type { SettingResult, SettingsVault } from "../settings/settings_vault.ts";
import { readJson } from "./body.ts";
import { conditionsOf, etagOf } from "./conditions.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import {
  fromGenericBody,
  genericBody,
  parseNewSetting,
  parseSettingPatch,
  type SettingBody,
  settingBody,
} from "./setting_body.ts";
import { settingJson, writtenSettingJson } from "./setting_json.ts";
import { userOf } from "./user.ts";

/** Whose settings a family of paths is about. */
interface Family {
  readonly vault: SettingsVault;
  userId(c: AppContext): UserId | null;
  /** How the fields are called in messages. */
  readonly fields: { readonly key: string; readonly value: string };
}

type Handle = Handler<AppEnv>;

/** Serves `/api/v1/admin/settings`: the settings of the system. */
export function systemSettingRoutes(vault: SettingsVault): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  const fields = { key: "Setting key", value: "Setting value" };
  const family: Family = { vault, userId: () => null, fields };
  mountMethods(app, "/custom", {
    POST: async (c) => await store(c, family, fromGenericBody(await readJson(c, genericBody))),
  });
  mountMethods(app, "/custom/secret", { POST: create(family) });
  mountMethods(app, "/custom/secrets", { GET: list(family) });
  mountOne(app, "/custom/secret/:key{.+}", family);
  mountMethods(app, "/user/:user_id/secret/:key/decrypt", { GET: neverDecrypt });
  return app;
}

/** Serves `/api/v1/settings`: the settings of the user who asks, or is named. */
export function userSettingRoutes(vault: SettingsVault): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  const family: Family = { vault, userId: userOf, fields: { key: "key", value: "value" } };
  mountMethods(app, "/secret", { GET: list(family), POST: create(family) });
  mountMethods(app, "/secrets", { GET: list(family) });
  mountOne(app, "/secret/:key{.+}", family);
  return app;
}

function mountOne(app: Hono<AppEnv>, path: string, family: Family): void {
  mountMethods(app, path, { GET: find(family), PUT: update(family), DELETE: remove(family) });
}

function list({ vault, userId }: Family): Handle {
  return async function listSettings(c) {
    const settings = await vault.list(c.get("principal"), userId(c));
    return c.json(settings.map(settingJson));
  };
}

function create(family: Family): Handle {
  return async (c) => await store(c, family, await readJson(c, settingBody));
}

async function store(c: AppContext, family: Family, body: SettingBody): Promise<Response> {
  const userId = family.userId(c);
  const { key, setting } = parseNewSetting(body, family.fields);
  const place = { userId, key };
  const result = await family.vault.create(c.get("principal"), place, setting, conditionsOf(c));
  return c.json(writtenSettingJson(result), 201, headersOf(result));
}

function find({ vault, userId }: Family): Handle {
  return async function findSetting(c) {
    const setting = await vault.find(c.get("principal"), { userId: userId(c), key: keyOf(c) });
    return c.json(settingJson(setting), 200, { etag: etagOf(setting.revision) });
  };
}

function update(family: Family): Handle {
  return async function updateSetting(c) {
    const ref = { userId: family.userId(c), key: keyOf(c) };
    const patch = parseSettingPatch(await readJson(c, settingBody), ref.key);
    const result = await family.vault.update(c.get("principal"), ref, patch, conditionsOf(c));
    return c.json(writtenSettingJson(result), 200, headersOf(result));
  };
}

function remove(family: Family): Handle {
  return async function deleteSetting(c) {
    const ref = { userId: family.userId(c), key: keyOf(c) };
    const { replayed } = await family.vault.delete(c.get("principal"), ref, conditionsOf(c));
    return c.body(null, 204, replayed ? { "idempotency-replayed": "true" } : {});
  };
}

/** Elsewhere this path shows a value. Here none is ever returned, whoever asks. */
function neverDecrypt(): never {
  throw new AppError(
    "ACCESS_DENIED",
    "Values are never returned: functions and jobs read them with secrets.getUser()",
  );
}

function keyOf(c: AppContext): SettingKey {
  return parseSettingKey(c.req.param("key") ?? "");
}

function headersOf({ setting, replayed }: SettingResult): Record<string, string> {
  const etag = etagOf(setting.revision);
  return replayed ? { etag, "idempotency-replayed": "true" } : { etag };
}
