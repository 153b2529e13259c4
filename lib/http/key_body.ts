/**
 * Bodies of requests about service keys.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../errors.ts";
import { parseGrantText } from "../principal/grant_text.ts";
import { parseGrants } from "../principal/grants.ts";
import type { Grant } from "../principal/principal.ts";
import { roleGrant } from "../principal/roles.ts";
import { parseTime } from "./time.ts";

const text = z.string({ error: "must be a string" }).nullish();
const texts = z.array(z.string({ error: "must be a string" }), { error: "must be a list" })
  .nullish();

/** The body of a new key. */
export const keyBody = z.object({
  name: text,
  role: text,
  /** Namespaces for `role`, and for grants that name none. */
  namespaces: texts,
  grants: z.array(z.unknown(), { error: "must be a list" }).nullish(),
  expires_at: text,
  cidrs: texts,
});

/** The body of a rotation. */
export const rotationBody = z.object({
  overlap_seconds: z.number({ error: "must be a number" }).nullish(),
  expires_at: text,
});

/** The body of an exchange. */
export const exchangeBody = z.object({ token: text });

/**
 * Reads the grants that `role` and `grants` name together.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseKeyGrants({ role, grants, namespaces }: z.infer<typeof keyBody>): Grant[] {
  const places = namespaces?.length ? namespaces : ["*"];
  const found = (grants ?? []).map((item) =>
    typeof item === "string" ? parseGrantText(item, places) : parseGrants([item])[0]!
  );
  if (role) found.unshift(...parseGrants([roleGrant(role, places)]));
  if (found.length === 0) throw new AppError("INVALID_INPUT", "role or grants is required");
  return found;
}

/** A body's expiry: left out, `null` for never, or a time. */
export function parseExpiry(input: string | null | undefined): { expiresAt?: Date | null } {
  if (input === undefined) return {};
  return { expiresAt: input === null ? null : parseTime(input, "expires_at") };
}
