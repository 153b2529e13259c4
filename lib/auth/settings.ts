/**
 * The settings of keys, tokens and limits, checked.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { AddressSet } from "./cidr.ts";
import type { LimitSettings } from "./limits.ts";
import { checkKeySetUrl } from "./oidc_config.ts";
import { parseRoleMap, type RoleMap } from "./token_roles.ts";

/** The settings as texts; `null` where one isn't set. */
export interface AuthTexts {
  readonly jwtSecret: string | null;
  readonly jwksUrl: string | null;
  readonly jwksFile: string | null;
  readonly jwtIssuer: string | null;
  readonly jwtAudience: string | null;
  readonly jwtRoles: string | null;
  readonly oidcFile: string | null;
  readonly trustedProxies: string | null;
}

/** The settings, checked. */
export interface AuthSettings {
  readonly secret: Uint8Array | null;
  readonly jwks: { readonly url: string } | { readonly file: string } | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly roles: RoleMap;
  readonly oidcFile: string | null;
  readonly limits: LimitSettings;
  /** Addresses whose X-Forwarded-For is believed; `null` for none. */
  readonly trustedProxies: AddressSet | null;
}

/** RFC 7518 §3.2: a key as long as the hash. */
const MIN_SECRET_BYTES = 32;

/**
 * Checks the settings.
 *
 * @throws {AppError} CONFIG_INVALID naming the setting and the rule.
 */
export function readAuthSettings(texts: AuthTexts, limits: LimitSettings): AuthSettings {
  const { jwksUrl, jwksFile, jwtIssuer, jwtAudience } = texts;
  if (jwksUrl !== null && jwksFile !== null) {
    throw invalid("FLUXBASE_JWKS_URL", "must not be set together with FLUXBASE_JWKS_FILE");
  }
  const hasKeySet = jwksUrl !== null || jwksFile !== null;
  if (hasKeySet && (jwtIssuer === null || jwtAudience === null)) {
    // An issuer's keys sign for everybody it serves.
    throw invalid("FLUXBASE_JWT_ISSUER", "and FLUXBASE_JWT_AUDIENCE must be set with a key set");
  }
  return {
    secret: texts.jwtSecret === null ? null : parseSecret(texts.jwtSecret),
    jwks: jwksUrl !== null
      ? { url: checkKeySetUrl(jwksUrl, "FLUXBASE_JWKS_URL") }
      : jwksFile !== null
      ? { file: jwksFile }
      : null,
    issuer: jwtIssuer,
    audience: jwtAudience,
    roles: named("FLUXBASE_JWT_ROLES", () => parseRoleMap(texts.jwtRoles)),
    oidcFile: texts.oidcFile,
    limits,
    trustedProxies: parseProxies(texts.trustedProxies),
  };
}

function parseSecret(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length >= MIN_SECRET_BYTES) return bytes;
  throw invalid("FLUXBASE_JWT_SECRET", `must have at least ${MIN_SECRET_BYTES} bytes`);
}

function parseProxies(text: string | null): AddressSet | null {
  if (text === null) return null;
  const ranges = text.split(",").map((item) => item.trim());
  return named("FLUXBASE_TRUSTED_PROXIES", () => new AddressSet(ranges));
}

/** Puts the setting's name before the rule. */
function named<T>(setting: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AppError) throw invalid(setting, error.message);
    throw error;
  }
}

function invalid(setting: string, rule: string): AppError {
  return new AppError("CONFIG_INVALID", `${setting} ${rule}`);
}
