/**
 * The settings of root keys and of how long keys are used, checked.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseCommand } from "./command.ts";
import type { KeyLimits } from "./key_admin.ts";
import type { TransitSettings } from "./transit.ts";

/** The settings as texts; `null` where one isn't set. */
export interface KeyTexts {
  readonly keys: string | null;
  readonly file: string | null;
  readonly command: string | null;
  readonly transitUrl: string | null;
  readonly transitKey: string | null;
  readonly transitMount: string | null;
  readonly transitTokenFile: string | null;
  readonly transitNamespace: string | null;
  readonly transitRole: string | null;
  readonly maxAgeDays: string | null;
  readonly maxSeals: string | null;
}

/** Where root keys that are held in this process come from. */
export type KeySource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "command"; readonly words: readonly [string, ...string[]] };

/** The settings, checked. */
export interface KeySettings {
  /** `null`: the generated key in the data directory. */
  readonly source: KeySource | null;
  readonly transit: (TransitSettings & { readonly active: boolean }) | null;
  readonly limits: KeyLimits;
}

/**
 * How many values a key may seal. NIST SP 800-38D §8.3 allows so many for a key with random nonces;
 * here each value has a content key of its own, so nothing happens at this number. It is kept since
 * auditors ask for one.
 */
export const MAX_SEALS = 2 ** 32;
const MAX_AGE_DAYS = 365;
const DAY_MS = 24 * 60 * 60 * 1_000;
const NAME = /^\w[\w.-]*$/;

/**
 * Checks the settings.
 *
 * @throws {AppError} CONFIG_INVALID naming the setting and the rule.
 */
export function readKeySettings(texts: KeyTexts): KeySettings {
  const days = integer("FLUXBASE_KEY_MAX_AGE_DAYS", texts.maxAgeDays, MAX_AGE_DAYS, 36_500);
  const seals = integer("FLUXBASE_KEY_MAX_SEALS", texts.maxSeals, MAX_SEALS, MAX_SEALS);
  return {
    source: sourceOf(texts),
    transit: transitOf(texts),
    limits: { maxAgeMs: days === 0 ? Infinity : days * DAY_MS, maxSeals: seals || Infinity },
  };
}

function sourceOf({ keys, file, command }: KeyTexts): KeySource | null {
  if ([keys, file, command].filter((text) => text !== null).length > 1) {
    throw invalid(
      "FLUXBASE_ENCRYPTION_KEY",
      "and its forms _FILE and _COMMAND must not be set together",
    );
  }
  if (keys !== null) return { kind: "text", text: keys };
  if (file !== null) return { kind: "file", path: file };
  return command === null ? null : { kind: "command", words: parseCommand(command) };
}

function transitOf(texts: KeyTexts): KeySettings["transit"] {
  if (texts.transitUrl === null) return null;
  const { transitKey: key, transitTokenFile: tokenFile } = texts;
  if (key === null || tokenFile === null) {
    throw invalid(
      "FLUXBASE_TRANSIT_URL",
      "needs FLUXBASE_TRANSIT_KEY and FLUXBASE_TRANSIT_TOKEN_FILE",
    );
  }
  const mount = texts.transitMount ?? "transit";
  if (!NAME.test(key)) throw invalid("FLUXBASE_TRANSIT_KEY", "must be the name of a key");
  if (!mount.split("/").every((part) => NAME.test(part))) {
    throw invalid("FLUXBASE_TRANSIT_MOUNT", "must be a path");
  }
  const role = texts.transitRole ?? "active";
  if (role !== "active" && role !== "open") {
    throw invalid("FLUXBASE_TRANSIT_ROLE", "must be active, or open to only open keys");
  }
  const url = checkUrl(texts.transitUrl);
  const namespace = texts.transitNamespace;
  return { url, key, mount, tokenFile, namespace, active: role === "active" };
}

/** A token must not go over the network in the clear. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url !== null && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLocal);
  if (url === null || !isSafe || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw invalid("FLUXBASE_TRANSIT_URL", "must be an https URL, or http on this machine");
  }
  return url.href.replace(/\/+$/, "");
}

/** 0 stands for no bound. */
function integer(name: string, text: string | null, fallback: number, max: number): number {
  if (text === null) return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value <= max) return value;
  throw invalid(name, `must be a whole number up to ${max}, or 0 for no bound`);
}

function invalid(setting: string, rule: string): AppError {
  return new AppError("CONFIG_INVALID", `${setting} ${rule}`);
}
