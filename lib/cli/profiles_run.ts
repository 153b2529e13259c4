/**
 * `profiles list`, `use` and `delete`.
 *
 * @module
 */
import { CliError } from "./failure.ts";
import { removeFromKeyring } from "./os_keyring.ts";
import { print } from "./output.ts";
import { accountOf, type Profile, Profiles } from "./profiles.ts";
import type { Context } from "./table.ts";

/** Lists profiles. */
export async function listProfiles(context: Context): Promise<void> {
  const profiles = await Profiles.read(context.settings.configPath);
  const rows = profiles.all.map(({ name, server, store, key }) => ({
    name,
    server,
    current: name === profiles.current,
    key: store === "keychain" ? "keyring" : key === null ? "none" : "file",
  }));
  await print(context, rows, {
    columns: ["CURRENT", "NAME", "SERVER", "KEY"],
    rows: rows.map((row) => [row.current ? "*" : "", row.name, row.server, row.key]),
    empty: "No profiles; make one with: login --server URL",
  });
}

/** Chooses a profile. */
export async function useProfile(context: Context): Promise<void> {
  const { profiles, profile } = await named(context);
  profiles.use(profile.name);
  await profiles.write();
  context.io.tell(`Commands go to ${profile.server} from now on.`);
}

/** Removes a profile and its key. */
export async function deleteProfile(context: Context): Promise<void> {
  const { profiles, profile } = await named(context);
  if (profile.store === "keychain") await removeFromKeyring(accountOf(profile));
  profiles.remove(profile.name);
  await profiles.write();
  context.io.tell(`Profile '${profile.name}' removed.`);
}

async function named(context: Context): Promise<{ profiles: Profiles; profile: Profile }> {
  const profiles = await Profiles.read(context.settings.configPath);
  const profile = profiles.get(context.args.NAME!);
  if (profile === null) throw new CliError(4, `Profile '${context.args.NAME}' not found`);
  return { profiles, profile };
}
