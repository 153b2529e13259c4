/**
 * May this principal do this to this secret, and if not, may it know why?
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Action, can, type Principal, sees } from "../principal/principal.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { SecretRef } from "../resolve/ref.ts";

/** The one answer for what isn't there and for what may not be seen. */
export function secretNotFound(): AppError {
  return new AppError("SECRET_NOT_FOUND", "Secret not found");
}

/** The same answer; the record of the attempt tells them apart by the cause. */
function hidden(): AppError {
  const cause = new AppError("ACCESS_DENIED", "No grant is about this place");
  return new AppError("SECRET_NOT_FOUND", "Secret not found", { cause });
}

/**
 * Lets `action` on a named secret through. It looks at names only, so the answer tells nothing
 * about what is stored.
 *
 * @throws {AppError} SECRET_NOT_FOUND when no grant is about the namespace at all.
 * @throws {AppError} ACCESS_DENIED when one is, but doesn't cover the action on this name.
 */
export function allow(principal: Principal, action: Action, ref: SecretRef): void {
  if (can(principal, action, ref)) return;
  if (!sees(principal, ref.namespace)) throw hidden();
  throw new AppError("ACCESS_DENIED", `Insufficient permissions: ${action} is not granted here`);
}

/**
 * Lets a principal by that may know that there is such a place. What comes behind may then depend on
 * what is stored there, which would tell a stranger that something is.
 *
 * @throws {AppError} SECRET_NOT_FOUND when no grant is about the place at all.
 */
export function allowPlace(principal: Principal, place: SecretRef["namespace"]): void {
  if (!sees(principal, place)) throw hidden();
}

/**
 * Lets `action` on a stored secret through, for a principal that named it by id.
 *
 * @throws {AppError} SECRET_NOT_FOUND when the principal may not read it: a guessed id tells nothing.
 * @throws {AppError} ACCESS_DENIED when it may read it and no more.
 */
export function allowRow(principal: Principal, action: Action, row: SecretRow): SecretRow {
  if (can(principal, action, row)) return row;
  if (!can(principal, "secrets:read", row)) throw hidden();
  throw new AppError("ACCESS_DENIED", `Insufficient permissions: ${action} is not granted here`);
}
