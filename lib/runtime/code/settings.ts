/**
 * What a function says about itself in its `deno.json`, under the key `fluxbase`: its limits, where
 * it may connect to, which secrets it sees, and whether it is called without a key.
 *
 * It stands there and not in an export of the code, because it must be known before any code runs,
 * and reading it must not depend on what the code does.
 *
 * @module
 */
import { z } from "zod";
import { AppError } from "../../errors.ts";
import { matchesGlob } from "../../principal/glob.ts";
import { parseNetworkEntry } from "../network.ts";
import { type FunctionConfig, parseObject, SETTINGS_KEY } from "./function_config.ts";
import type { Located } from "./layout.ts";

/** The settings of one function. `null` leaves a limit to the server. */
export interface FunctionSettings {
  /** From the request to the head of the response, ms. */
  readonly timeoutMs: number | null;
  /** Most resident memory, MiB. */
  readonly memoryMb: number | null;
  /** Hosts, `host:port` or ranges; `null`: what the server allows. An empty list: nowhere. */
  readonly network: readonly string[] | null;
  /** Globs over names in upper case; `null`: every secret of its scope. An empty list: none. */
  readonly secrets: readonly string[] | null;
  /** Whether it may be called without a key. */
  readonly anonymous: boolean;
}

/** A function that says nothing about itself. */
export const NO_SETTINGS: FunctionSettings = Object.freeze({
  timeoutMs: null,
  memoryMb: null,
  network: null,
  secrets: null,
  anonymous: false,
});

/** What the functions of a directory are called in its `deno.json`. */
export type SettingsKind = "functions" | "jobs";

const NAME = /^(?:@[A-Za-z0-9][A-Za-z0-9._-]{0,62}\/)?[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const GLOB = /^[A-Za-z_*][A-Za-z0-9_*]{0,127}$/;
const GLOB_RULE = "must be names of secrets, in which * stands for any characters";
const NETWORK_RULE = "must be hosts, host:port, IPv4 ranges or [IPv6] addresses, without *";
/** More stars than this make matching slow. */
const MAX_STARS = 4;

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};
const Entry = z.string({ error: NETWORK_RULE }).transform((text, context) => {
  const entry = parseNetworkEntry(text);
  if (entry === null) context.addIssue({ code: "custom", message: NETWORK_RULE });
  return entry ?? "";
});
const Glob = z.string({ error: GLOB_RULE })
  .refine((text) => GLOB.test(text) && text.split("*").length <= MAX_STARS + 1, {
    error: GLOB_RULE,
  })
  .transform((text) => text.toUpperCase());
const list = <T extends z.ZodType>(item: T, max: number) => {
  const error = `must be a list of at most ${max}`;
  return z.array(item, { error }).max(max, { error });
};
const Own = z.strictObject({
  timeoutSeconds: whole(1, 3_600).optional(),
  memoryMb: whole(96, 4_096).optional(),
  network: list(Entry, 100).optional(),
  secrets: list(Glob, 200).optional(),
  anonymous: z.boolean({ error: "must be true or false" }).optional(),
}, { error: rule });
const ByName = z.record(z.string().regex(NAME), Own, {
  error: ({ code }) =>
    code === "invalid_key"
      ? "must be NAME or @NAMESPACE/NAME"
      : "must hold one object for each name",
});
const Section = Own.extend({ functions: ByName.optional(), jobs: ByName.optional() });

type Own = z.infer<typeof Own>;

/**
 * The settings of a function: those for its name where there are some, else those for all functions
 * of the file, each key by itself.
 *
 * @param config The nearest configuration that has settings, or `null`.
 * @throws {AppError} FUNCTION_INVALID with the file, the key and the rule.
 */
export function readSettings(
  config: FunctionConfig | null,
  place: Pick<Located, "name" | "namespace">,
  kind: SettingsKind,
): FunctionSettings {
  if (config === null) return NO_SETTINGS;
  const { functions, jobs, ...common } = parseSection(config);
  const named = (kind === "functions" ? functions : jobs) ?? {};
  const exact = place.namespace === null ? undefined : named[`@${place.namespace}/${place.name}`];
  const own = { ...common, ...named[place.name], ...exact };
  if (kind === "jobs" && own.anonymous !== undefined) {
    throw invalid(config.file, ["anonymous"], "is about functions; a job is never called");
  }
  return settingsOf(own);
}

/**
 * The names that a configuration has settings for.
 *
 * @throws {AppError} FUNCTION_INVALID with the file, the key and the rule.
 */
export function namesWithSettings(config: FunctionConfig, kind: SettingsKind): string[] {
  const { functions, jobs } = parseSection(config);
  return Object.keys((kind === "functions" ? functions : jobs) ?? {});
}

/** Whether a function with these settings may read the secret of this name (upper case). */
export function seesSecret(settings: FunctionSettings, name: string): boolean {
  return globOf(settings, name) !== undefined;
}

/**
 * What lets a function with these settings read the secret of this name (upper case): the entry of
 * its list, or `null` when it has none. `undefined` when it may not.
 */
export function globOf({ secrets }: FunctionSettings, name: string): string | null | undefined {
  return secrets === null ? null : secrets.find((glob) => matchesGlob(glob, name));
}

/** Settings as they are kept. */
export const StoredSettings = z.strictObject({
  timeoutMs: z.number().nullable(),
  memoryMb: z.number().nullable(),
  network: z.array(z.string()).readonly().nullable(),
  secrets: z.array(z.string()).readonly().nullable(),
  anonymous: z.boolean(),
});

/** Settings as text, the same for equal settings. */
export function formatSettings(settings: FunctionSettings): string {
  const { timeoutMs, memoryMb, network, secrets, anonymous } = settings;
  return JSON.stringify({ timeoutMs, memoryMb, network, secrets, anonymous });
}

/**
 * Reads what {@linkcode formatSettings} wrote.
 *
 * @throws {Error} When it is anything else.
 */
export function parseSettings(text: string): FunctionSettings {
  return StoredSettings.parse(JSON.parse(text));
}

function settingsOf({ timeoutSeconds, memoryMb, network, secrets, anonymous }: Own) {
  return {
    timeoutMs: timeoutSeconds === undefined ? null : timeoutSeconds * 1_000,
    memoryMb: memoryMb ?? null,
    network: network ?? null,
    secrets: secrets ?? null,
    anonymous: anonymous ?? false,
  };
}

function parseSection(config: FunctionConfig): z.infer<typeof Section> {
  const section = parseObject(config.text, config.file)[SETTINGS_KEY];
  const result = Section.safeParse(section);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(config.file, issue?.path ?? [], issue?.message ?? "is invalid");
}

function rule(issue: { readonly code?: string; readonly keys?: unknown }): string {
  const known = Object.keys(Own.shape).join(", ");
  if (issue.code === "unrecognized_keys") {
    return `has an unknown key; the keys are ${known}, and functions or jobs above them`;
  }
  return "must be an object";
}

function invalid(file: string, path: readonly PropertyKey[], reason: string): AppError {
  const place = [SETTINGS_KEY, ...path.map(String)].join(".");
  return new AppError("FUNCTION_INVALID", `${file}: ${place} ${reason}`);
}
