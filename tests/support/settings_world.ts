/**
 * Settings over a {@linkcode World}: the parts, the real app, and tokens of users.
 *
 * @module
 */
import { Hono } from "hono";
import { SignJWT } from "jose";
import { Authentication } from "../../lib/auth/authentication.ts";
import { Limits } from "../../lib/auth/limits.ts";
import { parseRoleMap } from "../../lib/auth/token_roles.ts";
import { Tokens } from "../../lib/auth/tokens.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { createApp } from "../../lib/http/app.ts";
import { systemSettingRoutes, userSettingRoutes } from "../../lib/http/settings.ts";
import { createLog } from "../../lib/log.ts";
import {
  parseSettingKey,
  parseUserId,
  type SettingRef,
  type UserId,
} from "../../lib/resolve/setting_ref.ts";
import { type StartedSettings, startSettings } from "../../lib/settings/start.ts";
import { type HttpWorld, type World } from "./world.ts";

/** The secret of {@linkcode tokenOf}. */
export const JWT_SECRET = "a shared secret of 32 bytes or more";

/** A token of a user, as an application's own sign-in gives one. */
export function tokenOf(sub: string, role = "authenticated"): Promise<string> {
  return new SignJWT({ sub, role, token_type: "access" }).setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("10m").sign(new TextEncoder().encode(JWT_SECRET));
}

/** A reference from texts; without a user, one of the system. */
export function settingRef(key: string, user?: string): SettingRef {
  return { userId: user === undefined ? null : parseUserId(user), key: parseSettingKey(key) };
}

/** Joins the settings over `world`, on an empty table, while `work` runs. */
export async function withSettings(
  world: World,
  work: (settings: StartedSettings) => Promise<void>,
  options: { freshMs?: number } = {},
): Promise<void> {
  const { database, ring, resolver } = world;
  await database.sql`truncate app.settings`;
  const parts = { database, ring, secrets: resolver, onStale: () => {}, freshMs: Infinity };
  const settings = await startSettings({ ...parts, ...options });
  try {
    await work(settings);
  } finally {
    await settings.close();
  }
}

/** The real app with the settings' routes, which also lets users' tokens in. */
export async function openSettingsApp(
  { vault, auth, systemKeys }: World,
  settings: StartedSettings,
): Promise<HttpWorld> {
  const lines: string[] = [];
  const source = { algorithms: ["HS256"], key: new TextEncoder().encode(JWT_SECRET) };
  const sources = [{ ...source, issuer: null, audience: null }];
  const app = createApp({
    vault,
    auth: new Authentication({
      keys: auth,
      tokens: new Tokens({ sources, roles: parseRoleMap(null) }),
      limits: new Limits({ perKey: 0, perAddress: 0, failures: 0 }),
    }),
    health: {},
    log: createLog({ level: "debug", write: (line) => lines.push(line) }),
    functions: new Hono<AppEnv>(),
    mounts: {
      "/api/v1/admin/settings": systemSettingRoutes(settings.vault),
      "/api/v1/settings": userSettingRoutes(settings.vault),
    },
  });
  return { app, lines, key: (await systemKeys.ensureAdminKey())! };
}

/** What a run gets of a user's settings, or of the system's, as plain text. */
export async function revealed(
  { users }: StartedSettings,
  user: string | null,
): Promise<Record<string, string>> {
  const id: UserId | null = user === null ? null : parseUserId(user);
  const { values } = await users.resolve(id);
  return Object.fromEntries([...values].map(([name, value]) => [name, value.reveal()]));
}
