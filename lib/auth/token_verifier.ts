/**
 * Verifies signed tokens (RFC 7519) the one way that is safe: the algorithms belong to the key and
 * not to the token, and the issuer's keys are where the configuration says.
 *
 * @module
 */
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import { AppError } from "../errors.ts";

/** Algorithms with a public key (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864). Never a symmetric one. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** Keys, with the algorithms they are good for and the claims that tokens must have. */
export interface TokenSource {
  readonly algorithms: readonly string[];
  readonly key: Uint8Array | JWTVerifyGetKey;
  /** Required `iss`; `null` for any. */
  readonly issuer: string | null;
  /** Required in `aud`; `null` for any. */
  readonly audience: string | null;
}

/** How far two clocks may be apart, in seconds. */
export const CLOCK_SKEW_S = 10;
const MAX_LENGTH = 8 * 1_024;
/** Headers that name a key which comes from the attacker as well (RFC 7515 §4.1). */
const KEY_HEADERS = ["jku", "x5u", "jwk"];

/**
 * Verifies a token against the source for its algorithm.
 *
 * @returns Its claims; `exp` is there.
 * @throws {AppError} AUTHENTICATION_REQUIRED for every token that isn't good, whatever is wrong.
 * @throws {AppError} ISSUER_UNAVAILABLE when no keys can be had to tell.
 */
export async function verifyToken(
  token: string,
  sources: readonly TokenSource[],
): Promise<JWTPayload & { exp: number }> {
  const source = sourceOf(token, sources);
  const options = {
    algorithms: [...source.algorithms],
    requiredClaims: ["exp"],
    clockTolerance: CLOCK_SKEW_S,
    ...(source.issuer !== null && { issuer: source.issuer }),
    ...(source.audience !== null && { audience: source.audience }),
  };
  try {
    const { payload } = await verify(token, source.key, options);
    return { ...payload, exp: payload.exp! };
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw invalidToken();
    throw error;
  }
}

/** The one answer to every bad token. */
export function invalidToken(): AppError {
  return new AppError("AUTHENTICATION_REQUIRED", "Invalid or expired token");
}

type VerifyOptions = Parameters<typeof jwtVerify>[2];

function verify(token: string, key: TokenSource["key"], options: VerifyOptions) {
  // Two signatures of one function, which TypeScript takes one at a time.
  return typeof key === "function"
    ? jwtVerify(token, key, options)
    : jwtVerify(token, key, options);
}

function sourceOf(token: string, sources: readonly TokenSource[]): TokenSource {
  if (token.length > MAX_LENGTH) throw invalidToken();
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw invalidToken();
  }
  if (KEY_HEADERS.some((name) => name in header)) throw invalidToken();
  const source = sources.find(({ algorithms }) => algorithms.includes(header.alg ?? ""));
  if (source === undefined) throw invalidToken();
  return source;
}
