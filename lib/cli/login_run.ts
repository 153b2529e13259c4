/**
 * `login`, `logout` and `whoami`.
 *
 * @module
 */
import { later } from "./later.ts";
import { parseToken, readTokenFile } from "./credentials.ts";
import { CliError } from "./failure.ts";
import { putInKeyring, removeFromKeyring } from "./os_keyring.ts";
import { formatTime, print } from "./output.ts";
import { accountOf, Profiles } from "./profiles.ts";
import type { Context } from "./table.ts";

/** Who the server takes somebody for. */
interface Self {
  readonly id: string;
  readonly kind: "service_key" | "user";
  readonly user_id?: string;
  readonly grants_text: readonly string[];
  readonly expires_at: string | null;
}

const WHOAMI = "/api/v1/auth/whoami";
const MOST_BYTES = 16 * 1_024;

/** Tries a key and keeps it. */
export async function logIn(context: Context): Promise<void> {
  const { settings, io, flags } = context;
  const token = await readKey(context);
  const client = await context.connect({ token });
  const self = await client.json<Self>("GET", WHOAMI);
  const profiles = await Profiles.read(settings.configPath);
  const { server } = settings;
  const name = settings.profileName ?? newName(profiles, server);
  const inKeyring = !flags.on("no-keyring") &&
    await putInKeyring(accountOf({ name, server }), token);
  const before = profiles.get(name);
  const moved = before?.store === "keychain" && (!inKeyring || before.server !== server);
  if (moved) await removeFromKeyring(accountOf(before));
  const kept = inKeyring
    ? { store: "keychain", key: null } as const
    : { store: "file", key: token } as const;
  profiles.put({ name, server, ...kept });
  profiles.use(name);
  await profiles.write();
  const where = inKeyring ? "the system keyring" : profiles.path;
  io.tell(`Logged in to ${server} as ${self.user_id ?? self.id}.`);
  io.note(`Profile '${name}' is chosen; its key is in ${where}.`);
}

/** Forgets the key of the profile. */
export async function logOut(context: Context): Promise<void> {
  const { settings, io } = context;
  const profiles = await Profiles.read(settings.configPath);
  const name = settings.profileName ?? profiles.current;
  const profile = name === null ? null : profiles.get(name);
  if (profile === null) return io.tell("Not logged in.");
  if (profile.store === "keychain") await removeFromKeyring(accountOf(profile));
  profiles.put({ ...profile, store: "file", key: null });
  await profiles.write();
  io.tell(`Logged out of ${profile.server} (profile '${profile.name}').`);
}

/** Shows who one is. */
export async function showSelf(context: Context): Promise<void> {
  const client = await context.connect();
  const self = await client.json<Self>("GET", WHOAMI);
  const { server, profileName } = context.settings;
  await print(context, { server, ...self }, {
    columns: ["SERVER", "PROFILE", "KIND", "ID", "EXPIRES", "MAY"],
    rows: [[
      server,
      profileName ?? "-",
      self.kind,
      self.id,
      self.expires_at === null ? "never" : formatTime(self.expires_at),
      self.grants_text.join("; ") || "nothing",
    ]],
    empty: "",
  });
}

async function readKey({ settings, io }: Context): Promise<string> {
  if (settings.tokenFile !== undefined) return await readTokenFile(settings);
  if (io.interactive) {
    const { promptHidden } = await later<typeof import("./prompt.ts")>("./prompt.ts");
    return parseToken(await promptHidden(`Key for ${settings.server} (hidden): `), "The key");
  }
  let text = "";
  for await (const chunk of io.stdin.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.length > MOST_BYTES) throw new CliError(3, "The key must be one line");
  }
  return parseToken(text, "The key");
}

/** A server keeps its profile; the first one is called default, a further one like its host. */
function newName(profiles: Profiles, server: string): string {
  const same = profiles.all.find((profile) => profile.server === server);
  if (same !== undefined) return same.name;
  return profiles.all.length === 0 ? "default" : new URL(server).host.replace(/[^\w.-]/g, "-");
}
