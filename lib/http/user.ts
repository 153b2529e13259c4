/**
 * For which user a request acts: the one whose token it carries, or the one that it names.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import { actingUser } from "../settings/access.ts";
import type { AppContext, CallContext } from "./env.ts";

/** The header by which a service acts for a user: the id, percent-encoded where it isn't ASCII. */
export const USER_HEADER = "x-fluxbase-user";

/**
 * The user whose settings are meant.
 *
 * @throws {AppError} AUTHENTICATION_REQUIRED when the caller is no user and names none.
 * @throws {AppError} ACCESS_DENIED when it names one that it may not act for.
 */
export function userOf(c: AppContext): UserId {
  const userId = actingUser(c.get("principal"), namedUser(c));
  if (userId !== undefined) return userId;
  throw new AppError(
    "AUTHENTICATION_REQUIRED",
    "Authentication required: a user's settings need that user's token, or X-Fluxbase-User with a " +
      "key that has settings:user",
  );
}

/**
 * The user for whom a function is called; `undefined` for nobody.
 *
 * @param principal `null` when nobody in particular calls.
 * @throws {AppError} AUTHENTICATION_REQUIRED or ACCESS_DENIED when the request names a user that it
 * may not act for.
 */
export function userOfCall(c: CallContext, principal: Principal | null): UserId | undefined {
  const named = namedUser(c);
  if (principal !== null) return actingUser(principal, named);
  if (named === undefined) return undefined;
  throw new AppError("AUTHENTICATION_REQUIRED", "Authentication required to act for a user");
}

function namedUser(c: CallContext): string | undefined {
  const named = c.req.raw.headers.get(USER_HEADER);
  if (named === null) return undefined;
  try {
    return decodeURIComponent(named);
  } catch {
    throw new AppError("INVALID_INPUT", "X-Fluxbase-User must be percent-encoded UTF-8");
  }
}
