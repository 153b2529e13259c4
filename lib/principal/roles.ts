/**
 * Roles: names for grants that are asked for often.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Action, EVERYTHING, type Grant } from "./principal.ts";

/** What each role of a service key may do, in the namespaces that go with it. */
export const KEY_ROLES = {
  admin: ["*"],
  writer: [
    "secrets:list",
    "secrets:read",
    "secrets:write",
    "secrets:delete",
    "secrets:rollback",
    "settings:list",
    "settings:read",
    "settings:write",
    "settings:delete",
    "functions:read",
    "functions:invoke",
    "jobs:read",
    "jobs:submit",
    "logs:read",
  ],
  deployer: [
    "functions:read",
    "functions:deploy",
    "functions:delete",
    "jobs:read",
    "jobs:deploy",
    "jobs:delete",
    "jobs:manage",
  ],
  reader: [
    "secrets:list",
    "secrets:read",
    "settings:list",
    "settings:read",
    "functions:read",
    "jobs:read",
    "logs:read",
  ],
  invoker: ["functions:invoke", "jobs:submit"],
} as const satisfies Record<string, readonly (Action | "*")[]>;

/**
 * The grant of a role.
 *
 * @param namespaces Globs; `*` is everything, the global scope included.
 * @throws {AppError} INVALID_INPUT when there is no such role.
 */
export function roleGrant(role: string, namespaces: readonly string[] = ["*"]): Grant {
  if (!Object.hasOwn(KEY_ROLES, role)) {
    throw new AppError(
      "INVALID_INPUT",
      `Role must be one of: ${Object.keys(KEY_ROLES).join(", ")}`,
    );
  }
  return { actions: KEY_ROLES[role as keyof typeof KEY_ROLES], namespaces, names: ["*"] };
}

/** What the roles in a person's token mean where the configuration doesn't say. */
export const TOKEN_ROLES: Readonly<Record<string, readonly Grant[]>> = {
  admin: [EVERYTHING],
  service_role: [EVERYTHING],
  authenticated: [
    { actions: ["functions:invoke", "settings:own"], namespaces: ["*"], names: ["*"] },
  ],
  anon: [],
};
