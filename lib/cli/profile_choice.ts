/**
 * Which profile a command is about. The file is only read where there is one and it can matter.
 *
 * @module
 */
import { usageError } from "./failure.ts";
import { later } from "./later.ts";
import type { Profile } from "./profiles.ts";
import type { Flags } from "./table.ts";

/** What was chosen. */
export interface ProfileChoice {
  readonly profile: Profile | null;
  /** As `--profile` or FLUXBASE_PROFILE names it. */
  readonly profileName: string | null;
  readonly configPath: string;
}

/** What a command line is typed in. */
interface Place {
  readonly environment: (name: string) => string | undefined;
}

/** No file, no profile. */
export const NO_PROFILE: ProfileChoice = { profile: null, profileName: null, configPath: "" };

/**
 * Finds the profile: `--profile`, else FLUXBASE_PROFILE, else the current one.
 *
 * @throws {CliError} Exit 2 when one is named that isn't there.
 */
export async function chooseProfile(
  flags: Flags,
  { environment }: Place,
  { mayBeNew }: { mayBeNew: boolean },
): Promise<ProfileChoice> {
  const configPath = flags.text("config") ??
    (environment("FLUXBASE_CONFIG") || defaultPath(environment));
  const profileName = flags.text("profile") ?? (environment("FLUXBASE_PROFILE") || null);
  const given = (flag: string, variable: string) =>
    flags.text(flag) !== undefined || Boolean(environment(variable));
  const needed = profileName !== null || !given("server", "FLUXBASE_SERVER") ||
    !given("token-file", "FLUXBASE_TOKEN");
  const profile = needed && exists(configPath) ? await read(configPath, profileName) : null;
  if (profileName !== null && profile === null && !mayBeNew) {
    throw usageError(`Profile '${profileName}' not found`, "See: fluxbase profiles list");
  }
  return { profile, profileName, configPath };
}

async function read(path: string, name: string | null): Promise<Profile | null> {
  const { Profiles } = await later<typeof import("./profiles.ts")>("./profiles.ts");
  const profiles = await Profiles.read(path);
  const wanted = name ?? profiles.current;
  return wanted === null ? null : profiles.get(wanted);
}

function defaultPath(environment: Place["environment"]): string {
  const home = environment("HOME") || environment("USERPROFILE") || ".";
  return `${home}/.fluxbase/config.yaml`;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
