/**
 * Joins everything that tells who asks.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Clock } from "../resolve/fresh_cache.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { openRowSet } from "../store/row_set_making.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { noteServiceKeyUses, SERVICE_KEYS_SET } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import { Authentication } from "./authentication.ts";
import { Authenticator } from "./authenticator.ts";
import { parseKeySet, RemoteKeySet } from "./key_set.ts";
import type { SealedTable } from "../keyring/sealed_table.ts";
import { Limits } from "./limits.ts";
import { parseOidcConfig } from "./oidc_config.ts";
import { OidcExchange } from "./oidc_exchange.ts";
import { serviceKeyTable } from "./sealed_tables.ts";
import { ServiceKeys } from "./service_keys.ts";
import type { AuthSettings } from "./settings.ts";
import { SystemKeys } from "./system_keys.ts";
import { PUBLIC_KEY_ALGORITHMS, type TokenSource } from "./token_verifier.ts";
import { TokenRenewal } from "./token_renewal.ts";
import { Tokens } from "./tokens.ts";

/** What {@linkcode startAuth} needs. */
export interface AuthParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly settings: AuthSettings;
  /** What this process has seen of heads. */
  readonly watch: HeadWatch;
  /** As in `Authenticator`. */
  readonly freshMs?: number;
  readonly clock?: Clock;
  /** Told what goes wrong behind requests, such as fetching keys. */
  readonly onError: (what: string, error: unknown) => void;
}

/** What tells who asks, started. */
export interface StartedAuth {
  /** What uses keys of the ring. */
  readonly tables: readonly SealedTable[];
  /** Which keys there are. */
  readonly set: RowSetStore;
  readonly auth: Authentication;
  readonly keys: ServiceKeys;
  /** Those that the server makes by itself. */
  readonly systemKeys: SystemKeys;
  /** `null` when no other issuer is trusted. */
  readonly exchange: OidcExchange | null;
  /** Looks a key, or every key (`null`), up again. */
  invalidate(prefix: string | null): void;
  /** Has every key looked up again, save during an outage. */
  doubt(): void;
  /** Sweeps exchanged keys that expired a day ago. */
  purge(now: Date): Promise<void>;
  /** Writes down what isn't yet, and ends. */
  close(): Promise<void>;
}

/** How often uses of keys are written down, ms. */
const NOTE_MS = 30_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Reads the files that the settings name, and joins the parts.
 *
 * @throws {AppError} CONFIG_INVALID when a file can't be read or breaks a rule.
 */
export async function startAuth(parts: AuthParts): Promise<StartedAuth> {
  const { sql, ring, settings, watch, onError } = parts;
  const set = await openRowSet(sql, SERVICE_KEYS_SET, { ring, watch });
  const renewal = new TokenRenewal({
    sql,
    ring,
    set,
    onError: (error) => onError("token renewal", error),
  });
  const authenticator = new Authenticator({
    ...parts,
    set,
    onVerified: (row, token) => renewal.note(row, token),
  });
  const limits = new Limits(settings.limits);
  const sources = await tokenSources(settings, onError);
  const tokens = sources.length === 0 ? null : new Tokens({ sources, roles: settings.roles });
  const keys = new ServiceKeys({ sql, ring, held: authenticator, set });
  const systemKeys = new SystemKeys({ sql, ring, set });
  const exchange = await openExchange(settings, systemKeys, onError);
  const note = () => noteUses(sql, authenticator).catch((error) => onError("key uses", error));
  const timer = setInterval(note, NOTE_MS);
  Deno.unrefTimer(timer);
  return {
    auth: new Authentication({ keys: authenticator, tokens, limits }),
    keys,
    systemKeys,
    exchange,
    tables: [serviceKeyTable(set)],
    set,
    invalidate: (prefix) => authenticator.invalidate(prefix),
    doubt: () => authenticator.doubt(),
    purge: (now) => systemKeys.purgeExchanged(new Date(now.getTime() - DAY_MS)),
    async close(): Promise<void> {
      clearInterval(timer);
      await renewal.settled();
      await note();
    },
  };
}

async function noteUses(sql: Sql, authenticator: Authenticator): Promise<void> {
  const ids = authenticator.takeUses();
  if (ids.length > 0) await noteServiceKeyUses(sql, ids, new Date());
}

async function tokenSources(
  { secret, jwks, issuer, audience }: AuthSettings,
  onError: AuthParts["onError"],
): Promise<TokenSource[]> {
  const claims = { issuer, audience };
  const sources: TokenSource[] = [];
  if (secret !== null) sources.push({ ...claims, algorithms: ["HS256"], key: secret });
  if (jwks !== null) {
    const key = await openKeySet(jwks, "FLUXBASE_JWKS_FILE", onError);
    sources.push({ ...claims, algorithms: PUBLIC_KEY_ALGORITHMS, key });
  }
  return sources;
}

async function openExchange(
  { oidcFile }: AuthSettings,
  keys: SystemKeys,
  onError: AuthParts["onError"],
): Promise<OidcExchange | null> {
  if (oidcFile === null) return null;
  const configured = parseOidcConfig(await readFile(oidcFile, "FLUXBASE_OIDC_FILE"));
  const issuers = await Promise.all(configured.map(async (each) => ({
    ...each,
    key: await openKeySet(each.jwks, `FLUXBASE_OIDC_FILE: jwks_file of ${each.name}`, onError),
  })));
  return new OidcExchange({ issuers, keys });
}

async function openKeySet(
  jwks: { readonly url: string } | { readonly file: string },
  setting: string,
  onError: AuthParts["onError"],
) {
  if ("file" in jwks) return parseKeySet(await readFile(jwks.file, setting));
  return new RemoteKeySet(jwks.url, { onError: (error) => onError("key set", error) }).key;
}

async function readFile(path: string, setting: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new AppError("CONFIG_INVALID", `${setting} can't be read`, { cause });
  }
}
