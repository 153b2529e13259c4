/**
 * The resolver: which values a run gets, opened, as of now. One of the two rooms with plaintext.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { valueAssociatedData, verifyVersionRow } from "./associated_data.ts";
import { CheckedLoader, type CheckedSource, revisionText } from "./checked_load.ts";
import { type Clock, FreshCache, systemClock } from "./fresh_cache.ts";
import { HeadWatch } from "./head_watch.ts";
import { buildInjection, type Injection, type InjectionPart } from "./injection.ts";
import { type EnvironmentSecrets, pick } from "./precedence.ts";
import { describeRef, type SecretIdentity, type StoredSecret } from "./records.ts";
import type { Namespace } from "./ref.ts";

/** Where stored secrets come from. */
export interface SecretSource extends CheckedSource {
  /**
   * Differs whenever a secret of the global scope or of the namespace may differ; see
   * {@linkcode revisionText}. Must cost no more than an indexed look-up.
   */
  revision(namespace: Namespace | null): Promise<string>;
}

/** An injection older than it should be stands in, because the store can't be reached. */
export interface StaleEvent {
  readonly namespace: Namespace | null;
  /** Time since it was last known to be current, in ms. */
  readonly ageMs: number;
}

/** Options of a {@linkcode Resolver}. */
export interface ResolverOptions {
  /** Values that win over stored ones. */
  environment?: EnvironmentSecrets;
  /**
   * How long an injection counts as current after a check began, in ms. Default 1,000, for a
   * database that other processes write to; `Infinity` when this process is the only writer.
   */
  freshMs?: number;
  /** How long after its last check an injection may be used during an outage. Default 300,000 ms. */
  maxStaleMs?: number;
  /** How many namespaces are held. Default 1,000; the least recently used goes first. */
  maxNamespaces?: number;
  onStale?(event: StaleEvent): void;
  /** What this process has seen of heads; shared with whoever writes. */
  watch?: HeadWatch;
  clock?: Clock;
}

/** What is held for one namespace. */
interface Held {
  readonly revision: string;
  readonly injection: Injection;
}

/** No namespace is the empty text, so it stands for "in none". */
const NONE = "";
const NOTHING: EnvironmentSecrets = new Map();

/** Resolves what a run gets, and keeps it while it is certainly current. */
export class Resolver {
  readonly #source: SecretSource;
  readonly #ring: KeyRing;
  readonly #loader: CheckedLoader;
  readonly #environment: EnvironmentSecrets;
  readonly #clock: Clock;
  readonly #cache: FreshCache<Held>;

  constructor(source: SecretSource, ring: KeyRing, options: ResolverOptions = {}) {
    this.#source = source;
    this.#ring = ring;
    this.#loader = new CheckedLoader(source, ring, options.watch ?? new HeadWatch());
    this.#environment = options.environment ?? NOTHING;
    this.#clock = options.clock ?? systemClock;
    this.#cache = new FreshCache<Held>({
      load: (key, previous) => this.#load(namespaceOf(key), previous),
      validUntil: (held) => held.injection.validUntil,
      isOutage: (error) => error instanceof AppError && error.code === "STORE_UNAVAILABLE",
      onStale: (key, ageMs) => options.onStale?.({ namespace: namespaceOf(key), ageMs }),
      freshMs: options.freshMs ?? 1_000,
      maxStaleMs: options.maxStaleMs ?? 300_000,
      max: options.maxNamespaces ?? 1_000,
      clock: this.#clock,
    });
  }

  /** What a run in `namespace` gets, if that is certainly current; never waits. */
  cached(namespace: Namespace | null, now?: number): Injection | undefined {
    return this.#cache.peek(namespace ?? NONE, now)?.injection;
  }

  /**
   * What a run in `namespace` (`null`: in none) gets.
   *
   * @throws {AppError} STORE_UNAVAILABLE when the store can't be reached and nothing valid is held.
   * @throws {AppError} SECRET_UNREADABLE or INTEGRITY_VIOLATION naming the secret and the key, when
   * one of the values or rows is not as it was written: a run never goes without it.
   */
  async resolve(namespace: Namespace | null): Promise<Injection> {
    return (await this.#cache.get(namespace ?? NONE)).injection;
  }

  /**
   * Makes every later call read again. Called after a commit and before it is acknowledged, and
   * when another process tells of one.
   *
   * @param namespace Where a secret changed; `null` means the global scope, so all namespaces.
   */
  invalidate(namespace: Namespace | null): void {
    this.#cache.invalidate(namespace);
  }

  /** Has every later call look for a change first: a write ended in an error, or news was missed. */
  doubt(namespace: Namespace | null): void {
    this.#cache.doubt(namespace);
  }

  async #load(namespace: Namespace | null, previous: Held | undefined): Promise<Held> {
    if (previous && previous.revision === await this.#source.revision(namespace)) return previous;
    const { heads, secrets } = await this.#loader.load(namespace);
    return { revision: revisionText(heads, namespace), injection: this.#open(secrets) };
  }

  #open(secrets: readonly StoredSecret[]): Injection {
    // All rows were checked before any is preferred: a losing row could have been made to lose.
    const candidates = secrets.map(({ row, current }) => ({ ...row, current }));
    const { stored, validUntil } = pick(candidates, this.#environment, this.#clock.wall());
    const parts: InjectionPart[] = stored.map((secret) => ({
      name: secret.name,
      scope: secret.scope,
      version: secret.version,
      value: openCurrent(this.#ring, { row: secret, current: secret.current }),
    }));
    for (const [name, value] of this.#environment) {
      parts.push({ name, scope: "environment", version: null, value });
    }
    return buildInjection(parts, validUntil);
  }
}

/**
 * Opens the value that a row points to, after checking both rows.
 *
 * @throws {AppError} SECRET_UNREADABLE or INTEGRITY_VIOLATION naming the secret and the key.
 */
export function openCurrent(ring: KeyRing, { row, current }: StoredSecret): Plaintext {
  if (current === undefined || current.version !== row.version) {
    throw new AppError(
      "INTEGRITY_VIOLATION",
      `Version ${row.version} of secret ${describeRef(row)} is missing`,
    );
  }
  verifyVersionRow(ring, row, current);
  return openVersion(ring, row, current);
}

/**
 * Opens one version of a secret.
 *
 * @throws {AppError} SECRET_UNREADABLE naming the secret and the key.
 */
export function openVersion(
  ring: KeyRing,
  secret: SecretIdentity,
  version: { readonly version: number; readonly envelope: Uint8Array },
): Plaintext {
  try {
    return ring.open(version.envelope, valueAssociatedData(secret, version.version));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(
      "SECRET_UNREADABLE",
      `Version ${version.version} of secret ${describeRef(secret)}: ${error.message}`,
      { cause: error },
    );
  }
}

function namespaceOf(key: string): Namespace | null {
  return key === NONE ? null : key as Namespace;
}
