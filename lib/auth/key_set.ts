/**
 * The public keys of an issuer: from a file, or fetched from one pinned URL and kept.
 *
 * What a token says about where its keys are is never followed.
 *
 * @module
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { AppError } from "../errors.ts";

/** A key set under way or held. */
type Keys = ReturnType<typeof createLocalJWKSet>;

/** Options of a {@linkcode RemoteKeySet}. */
export interface RemoteKeySetOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Told when the keys can't be fetched. */
  readonly onError?: (error: unknown) => void;
}

const SECOND_MS = 1_000;
const TIMEOUT_MS = 5 * SECOND_MS;
/** Keys are fetched anew behind a request after this time, ms. */
const REFRESH_MS = 10 * 60 * SECOND_MS;
/** During an outage keys are used for this long after they were fetched, ms. */
const KEEP_MS = 60 * 60 * SECOND_MS;
/** Between two attempts, ms: tokens with unknown key ids cost the issuer nothing more. */
const COOL_DOWN_MS = 30 * SECOND_MS;
const MAX_BYTES = 256 * 1_024;
const MAX_KEYS = 100;

/**
 * Reads a JWK set (RFC 7517 §5).
 *
 * @throws {AppError} CONFIG_INVALID when it is none, or has more than 100 keys.
 */
export function parseKeySet(text: string): Keys {
  try {
    const set = JSON.parse(text) as JSONWebKeySet;
    if (set.keys.length > MAX_KEYS) throw new RangeError();
    return createLocalJWKSet(set);
  } catch (cause) {
    throw new AppError("CONFIG_INVALID", "A key set must be JSON with a list of keys", { cause });
  }
}

/** The keys at a URL. */
export class RemoteKeySet {
  readonly #url: string;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  #keys: Keys | undefined;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #flight: Promise<void> | undefined;

  /** @param url `https:`, or `http:` on this machine; the configuration sees to that. */
  constructor(url: string, { now = () => performance.now(), onError }: RemoteKeySetOptions = {}) {
    this.#url = url;
    this.#now = now;
    this.#onError = onError ?? (() => {});
  }

  /**
   * Finds the key of a token; for jose.
   *
   * @throws {AppError} ISSUER_UNAVAILABLE when no keys are held and none can be fetched.
   */
  readonly key: JWTVerifyGetKey = async (header, token) => {
    await this.#ensure();
    try {
      return await this.#current()(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || !this.#mayTry()) throw error;
      await this.#refresh();
      return await this.#current()(header, token);
    }
  };

  async #ensure(): Promise<void> {
    const age = this.#now() - this.#fetchedAt;
    if (age >= KEEP_MS) this.#keys = undefined;
    if (this.#keys === undefined) {
      if (this.#flight !== undefined || this.#mayTry()) await this.#refresh();
    } else if (age >= REFRESH_MS && this.#mayTry()) {
      this.#refresh();
    }
  }

  #current(): Keys {
    if (this.#keys !== undefined) return this.#keys;
    throw new AppError("ISSUER_UNAVAILABLE", "The token issuer's keys cannot be fetched");
  }

  #mayTry(): boolean {
    return this.#now() - this.#triedAt >= COOL_DOWN_MS;
  }

  #refresh(): Promise<void> {
    return this.#flight ??= this.#fetch().finally(() => this.#flight = undefined);
  }

  async #fetch(): Promise<void> {
    this.#triedAt = this.#now();
    try {
      this.#keys = parseKeySet(await fetchText(this.#url));
      this.#fetchedAt = this.#now();
    } catch (error) {
      this.#onError(error);
    }
  }
}

/** A redirect would lead to a host that nobody named. */
async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, {
    redirect: "error",
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  let text = "";
  let length = 0;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new RangeError("Key set is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  if (!response.ok) throw new TypeError(`Key set was answered with ${response.status}`);
  return text;
}
