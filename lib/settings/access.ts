/**
 * May this principal do this to this setting?
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Action, can, type Principal } from "../principal/principal.ts";
import { parseUserId, type SettingRef, type UserId } from "../resolve/setting_ref.ts";

/** What can be done to settings. */
export type SettingAction = "list" | "read" | "write" | "delete";

/**
 * Tells whether `action` on a setting is granted: on the system's by a grant that covers the global
 * scope, since every function sees them; on a user's to that user, and to those who may act for any.
 */
export function maySetting(
  principal: Principal,
  action: SettingAction,
  ref: { readonly userId: UserId | null; readonly key?: SettingRef["key"] },
): boolean {
  const name = ref.key === undefined ? {} : { name: ref.key };
  if (ref.userId === null) {
    return can(principal, `settings:${action}`, { namespace: null, ...name });
  }
  return can(principal, userAction(principal, ref.userId), name);
}

/**
 * Lets `action` through. It looks at the key only, so the answer tells nothing about what is stored.
 *
 * @throws {AppError} ACCESS_DENIED
 */
export function allowSetting(
  principal: Principal,
  action: SettingAction,
  ref: { readonly userId: UserId | null; readonly key?: SettingRef["key"] },
): void {
  if (maySetting(principal, action, ref)) return;
  const wanted = ref.userId === null ? `settings:${action}` : userAction(principal, ref.userId);
  throw new AppError("ACCESS_DENIED", `Insufficient permissions: ${wanted} is not granted here`);
}

/**
 * The user for whom a principal acts: itself, or the one that it names if it may.
 *
 * @param named What the request says; `undefined` when it says nothing.
 * @returns `undefined` when the principal is no user and names none.
 * @throws {AppError} ACCESS_DENIED when it may not act for that user, INVALID_INPUT when the id is
 * none.
 */
export function actingUser(principal: Principal, named: string | undefined): UserId | undefined {
  if (named === undefined) {
    return principal.userId === undefined ? undefined : parseUserId(principal.userId);
  }
  const userId = parseUserId(named);
  if (isOwn(principal, userId) || can(principal, "settings:user")) return userId;
  throw new AppError(
    "ACCESS_DENIED",
    "Insufficient permissions: settings:user is not granted, which acting for a user needs",
  );
}

function userAction(principal: Principal, userId: UserId): Action {
  return isOwn(principal, userId) ? "settings:own" : "settings:user";
}

function isOwn({ userId: own }: Principal, userId: UserId): boolean {
  return own !== undefined && parseUserId(own) === userId;
}
