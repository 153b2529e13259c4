/**
 * Who may read a secret: the functions and jobs that a run would give it to, by their settings, their
 * namespace and the order of precedence. Whether they ever read it is another question.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { isExpired, pick } from "../resolve/precedence.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { Namespace, SecretName, SecretRef } from "../resolve/ref.ts";
import { globOf } from "../runtime/code/settings.ts";
import type { CodeKind } from "../store/deployment_rows.ts";
import { findNamesakes } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";
import type { Catalogue, Described } from "./catalogue.ts";

/** What a function or job is called. */
export interface ReaderPlace {
  readonly kind: CodeKind;
  readonly name: string;
  readonly namespace: Namespace | null;
}

/** A function or job that may read a secret. */
export interface SecretReader extends ReaderPlace, Pick<Described, "source" | "version"> {
  /** The entry of its list that lets it; `null` when it has no list, and so gets all of its scope. */
  readonly by: string | null;
}

/** One of which it can't be told, since it can't be run as it stands. */
export interface UnclearReader extends ReaderPlace {
  readonly reason: string;
}

/**
 * Why nobody is given the secret now: there is none, it has expired, or the server's environment has
 * a value of its name, which wins.
 */
export type Withheld = "absent" | "expired" | "environment";

/** Who may read a secret. */
export interface MayRead {
  readonly code: readonly SecretReader[];
  readonly unclear: readonly UnclearReader[];
  readonly withheld: Withheld | null;
}

/** What {@linkcode SecretReaders} looks at. */
export interface SecretReadersParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Names that the server's own environment has values for. */
  readonly environment: { has(name: SecretName): boolean };
  /** Every function and every job, as this server serves them. */
  readonly code: readonly {
    readonly kind: CodeKind;
    readonly catalogue: Pick<Catalogue, "describe">;
  }[];
}

/** A function or job whose namespace and settings are looked at. */
type Candidate = ReaderPlace & Described;

/** Looks up who may read a secret. */
export class SecretReaders {
  readonly #parts: SecretReadersParts;

  /** Reads nothing yet. */
  constructor(parts: SecretReadersParts) {
    this.#parts = parts;
  }

  /**
   * Who may read the secret, by kind, namespace and name. A global one is not read where the
   * namespace has one of its name.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a secret of this name is not as it was written.
   */
  async of(ref: SecretRef): Promise<MayRead> {
    const all = await this.#all();
    const rows = await this.#namesakes(ref, all);
    const near = all.filter(({ namespace }) => reaches(ref, namespace, rows));
    return {
      code: near.flatMap((each) => readerOf(each, ref.name)),
      unclear: near.flatMap(unclearOf),
      withheld: this.#withheld(ref, rows),
    };
  }

  async #all(): Promise<Candidate[]> {
    const lists = this.#parts.code.map(async ({ kind, catalogue }) =>
      (await catalogue.describe()).map((each): Candidate => ({
        ...each,
        kind,
        namespace: each.namespace as Namespace | null,
      }))
    );
    return (await Promise.all(lists)).flat();
  }

  /** The live secrets of this name in all places that code could read from. */
  async #namesakes({ namespace, name }: SecretRef, all: Candidate[]): Promise<SecretRow[]> {
    const { sql, ring } = this.#parts;
    const places = new Set([namespace, ...all.map((each) => each.namespace)]);
    const rows = await findNamesakes(sql, name, [...places].filter((place) => place !== null));
    return rows.map((row) => verifySecretRow(ring, row));
  }

  #withheld(ref: SecretRef, rows: readonly SecretRow[]): Withheld | null {
    const own = rows.find(({ namespace }) => namespace === ref.namespace);
    if (own === undefined) return "absent";
    if (isExpired(own, Date.now())) return "expired";
    return this.#parts.environment.has(ref.name) ? "environment" : null;
  }
}

const NO_ENVIRONMENT = { has: () => false };

/** Whether the secret is the one that a run in `namespace` looks at, whatever became of it. */
function reaches(
  ref: SecretRef,
  namespace: Namespace | null,
  rows: readonly SecretRow[],
): boolean {
  const stored = rows.filter((row) => row.namespace === null || row.namespace === namespace);
  const own = { ...ref, expiresAt: null };
  if (own.namespace !== null && own.namespace !== namespace) return false;
  // A deleted secret is asked about as if it were there.
  const rest = stored.filter((row) => row.namespace !== ref.namespace);
  const { stored: [winner] } = pick([own, ...rest], NO_ENVIRONMENT, -Infinity);
  return winner?.namespace === ref.namespace;
}

function readerOf(each: Candidate, name: SecretName): SecretReader[] {
  const { kind, namespace, source, version, settings } = each;
  if (settings instanceof AppError) return [];
  const by = globOf(settings, name);
  return by === undefined ? [] : [{ kind, name: each.name, namespace, source, version, by }];
}

function unclearOf({ kind, name, namespace, settings }: Candidate): UnclearReader[] {
  return settings instanceof AppError ? [{ kind, name, namespace, reason: settings.message }] : [];
}
