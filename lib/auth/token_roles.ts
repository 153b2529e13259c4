/**
 * What a person's token allows: from its roles to grants.
 *
 * @module
 */
import type { JWTPayload } from "jose";
import { AppError } from "../errors.ts";
import { parseGrantText } from "../principal/grant_text.ts";
import { parseGrants } from "../principal/grants.ts";
import type { Grant, Principal } from "../principal/principal.ts";
import { TOKEN_ROLES } from "../principal/roles.ts";
import { invalidToken } from "./token_verifier.ts";

/** Grants by role; `*` is for tokens none of whose roles is named. */
export type RoleMap = Readonly<Record<string, readonly Grant[]>>;

const MAX_SUBJECT = 255;
/** A subject stands in records and in lists, so it holds nothing that could steer a terminal. */
const SUBJECT = /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u;

/**
 * Reads a map of roles from JSON: `{"developer": ["secrets:read @ dev*"], "*": []}`. A grant is
 * text or an object.
 *
 * @param text `null` for the documented defaults.
 * @throws {AppError} CONFIG_INVALID with the rule that is broken.
 */
export function parseRoleMap(text: string | null): RoleMap {
  if (text === null) return TOKEN_ROLES;
  const map = parseObject(text);
  const entries = Object.entries(map).map(([role, grants]) => [role, parseGrantList(grants)]);
  return Object.fromEntries(entries);
}

/**
 * Reads grants of a configuration: a list of texts and objects, which may be empty.
 *
 * @throws {AppError} CONFIG_INVALID with the rule that is broken.
 */
export function parseGrantList(input: unknown): Grant[] {
  if (!Array.isArray(input)) throw invalid("grants must be a list");
  try {
    return input.map((item: unknown) =>
      typeof item === "string" ? parseGrantText(item) : parseGrants([item])[0]!
    );
  } catch (error) {
    if (error instanceof AppError) throw invalid(error.message);
    throw error;
  }
}

/**
 * The principal of a verified token. Its id can't be that of a service key.
 *
 * @throws {AppError} AUTHENTICATION_REQUIRED for a refresh token, or a subject that can't be one.
 */
export function principalOfClaims(claims: JWTPayload & { exp: number }, roles: RoleMap): Principal {
  if (claims.token_type !== undefined && claims.token_type !== "access") throw invalidToken();
  const names = roleNames(claims);
  const userId = subjectOf(claims);
  return {
    id: userId === undefined ? `role:${names.join(",")}` : `user:${userId}`,
    kind: "user",
    grants: grantsOf(names, roles),
    expiresAt: new Date(claims.exp * 1_000),
    ...(userId !== undefined && { userId }),
  };
}

function grantsOf(names: readonly string[], roles: RoleMap): Grant[] {
  const known = names.filter((name) => name !== "*" && Object.hasOwn(roles, name));
  const used = known.length > 0 || !Object.hasOwn(roles, "*") ? known : ["*"];
  return used.flatMap((name) => roles[name]!);
}

/** `role` is a text, `roles` a list of them. */
function roleNames({ role, roles }: JWTPayload): string[] {
  const all = [role, ...(Array.isArray(roles) ? roles as unknown[] : [])];
  const names = all.filter((name) => typeof name === "string" && /^[\w.:-]{1,100}$/.test(name));
  return [...new Set(names as string[])].slice(0, 50);
}

function subjectOf({ sub, user_id }: JWTPayload): string | undefined {
  const subject = sub ?? user_id;
  if (subject === undefined) return undefined;
  const ok = typeof subject === "string" && subject.length <= MAX_SUBJECT && SUBJECT.test(subject);
  if (!ok) throw invalidToken();
  return subject;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const map: unknown = JSON.parse(text);
    if (typeof map === "object" && map !== null && !Array.isArray(map)) {
      return map as Record<string, unknown>;
    }
  } catch {
    // The rule is told below; the parser's own message quotes the text.
  }
  throw invalid("must be a JSON object of roles");
}

function invalid(rule: string): AppError {
  return new AppError("CONFIG_INVALID", rule);
}
