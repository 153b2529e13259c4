/**
 * Which other issuers are trusted, for which of their tokens, and with what: the file that
 * `FLUXBASE_OIDC_FILE` names.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../errors.ts";
import type { Grant } from "../principal/principal.ts";
import { parseGrantList } from "./token_roles.ts";
import { PUBLIC_KEY_ALGORITHMS } from "./token_verifier.ts";

/** Tokens that are accepted, and what their bearer gets. */
export interface OidcRule {
  /** Globs by claim; each named claim must match one of its globs. */
  readonly claims: ReadonlyMap<string, readonly string[]>;
  readonly grants: readonly Grant[];
  /** How long the key lives, ms. */
  readonly lifeMs: number;
}

/** A trusted issuer. */
export interface OidcIssuer {
  /** What it is called in records. */
  readonly name: string;
  /** Its tokens' `iss`. */
  readonly issuer: string;
  /** Its tokens' `aud` must hold this. */
  readonly audience: string;
  /** Where its keys are: a pinned URL or a file. */
  readonly jwks: { readonly url: string } | { readonly file: string };
  readonly algorithms: readonly string[];
  /** The first that matches counts. */
  readonly rules: readonly OidcRule[];
}

const MINUTE_S = 60;
const DEFAULT_TTL_S = 15 * MINUTE_S;
const MAX_TTL_S = 60 * MINUTE_S;

const glob = z.string().min(1).max(500).regex(/[^*]/, "must hold more than *");
const rule = z.strictObject({
  claims: z.record(z.string().min(1), z.union([glob, z.array(glob).min(1).max(50)]))
    .refine((claims) => Object.keys(claims).length > 0, "must bind at least one claim"),
  grants: z.array(z.unknown()).min(1).max(100),
  ttl: z.int().min(MINUTE_S).max(MAX_TTL_S).default(DEFAULT_TTL_S),
});
const issuer = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/),
  issuer: z.string().min(1).max(500),
  audience: z.string().min(1).max(500),
  jwks_url: z.string().optional(),
  jwks_file: z.string().min(1).optional(),
  algorithms: z.array(z.enum(PUBLIC_KEY_ALGORITHMS as [string, ...string[]])).min(1).default([
    "RS256",
    "ES256",
  ]),
  rules: z.array(rule).min(1).max(100),
});
const file = z.strictObject({ issuers: z.array(issuer).min(1).max(20) });

/**
 * Reads the file's text.
 *
 * @throws {AppError} CONFIG_INVALID naming the place and the rule, never what stands there.
 */
export function parseOidcConfig(text: string): OidcIssuer[] {
  const result = file.safeParse(parseJson(text));
  if (!result.success) {
    const [issue] = result.error.issues;
    // An unknown field is named by the message, which may then hold anything.
    const rule = issue?.code === "unrecognized_keys" ? "has an unknown field" : issue?.message;
    throw invalid(`${issue?.path.join(".") || "the whole"}: ${rule}`);
  }
  const { issuers } = result.data;
  for (const field of ["name", "issuer"] as const) {
    if (new Set(issuers.map((each) => each[field])).size < issuers.length) {
      throw invalid(`issuers: two have the same ${field}`);
    }
  }
  return issuers.map(toIssuer);
}

/**
 * Checks a URL from which keys are fetched: `https:`, or `http:` on this machine.
 *
 * @throws {AppError} CONFIG_INVALID for any other.
 */
export function checkKeySetUrl(text: string, setting: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url?.hostname ?? "");
  const secure = url?.protocol === "https:" || (url?.protocol === "http:" && loopback);
  if (url !== null && secure && url.username === "" && url.hash === "") return url.href;
  throw new AppError("CONFIG_INVALID", `${setting} must be an https URL`);
}

function toIssuer(parsed: z.infer<typeof issuer>): OidcIssuer {
  const { name, jwks_url: url, jwks_file: path, rules } = parsed;
  if ((url === undefined) === (path === undefined)) {
    throw invalid(`issuer ${name}: jwks_url or jwks_file, and not both`);
  }
  const jwks = url === undefined
    ? { file: path! }
    : { url: checkKeySetUrl(url, `FLUXBASE_OIDC_FILE: jwks_url of ${name}`) };
  return {
    name,
    issuer: parsed.issuer,
    audience: parsed.audience,
    jwks,
    algorithms: parsed.algorithms,
    rules: rules.map(({ claims, grants, ttl }) => ({
      claims: new Map(Object.entries(claims).map(([claim, globs]) => [claim, [globs].flat()])),
      grants: parseGrantList(grants),
      lifeMs: ttl * 1_000,
    })),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("must be JSON");
  }
}

function invalid(message: string): AppError {
  return new AppError("CONFIG_INVALID", `FLUXBASE_OIDC_FILE: ${message}`);
}
