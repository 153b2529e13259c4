/**
 * Profiles: the servers that somebody is logged in to, in `~/.fluxbase/config.yaml`.
 *
 * The file has the shape of Fluxbase's own command line, and what it holds beyond this is kept.
 *
 * @module
 */
import { parse, stringify } from "yaml";
import { CliError, usageError } from "./failure.ts";

/** Where a profile's key is. */
export type CredentialStore = "file" | "keychain";

/** One server. */
export interface Profile {
  readonly name: string;
  readonly server: string;
  readonly store: CredentialStore;
  /** The key, where it is kept in the file. */
  readonly key: string | null;
}

type Node = Record<string, unknown>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The file, read. */
export class Profiles {
  readonly path: string;
  readonly #root: Node;

  private constructor(path: string, root: Node) {
    this.path = path;
    this.#root = root;
  }

  /**
   * Reads the file; one that isn't there is empty.
   *
   * @throws {CliError} Exit 2 when it isn't YAML, exit 3 when others may read it.
   */
  static async read(path: string): Promise<Profiles> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
      const { mode } = await Deno.stat(path);
      if (mode !== null && (mode & 0o077) !== 0) {
        throw new CliError(3, "The configuration file is open to others", {
          hint: `Run: chmod 600 ${path}`,
        });
      }
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new Profiles(path, { version: "1" });
      if (error instanceof CliError) throw error;
      throw new CliError(3, "The configuration file cannot be read; check its owner and mode");
    }
    return new Profiles(path, parseRoot(text));
  }

  /** The profile of commands that name none. */
  get current(): string | null {
    const name = this.#root.current_profile;
    return typeof name === "string" && name !== "" ? name : null;
  }

  /** Every profile, by name. */
  get all(): Profile[] {
    return Object.keys(node(this.#root.profiles)).flatMap((name) => this.get(name) ?? []);
  }

  /** One profile; `null` when there is none of this name. */
  get(name: string): Profile | null {
    const profiles = node(this.#root.profiles);
    if (!Object.hasOwn(profiles, name)) return null;
    const { server, credential_store: store, credentials } = node(profiles[name]);
    if (typeof server !== "string") return null;
    const { api_key: apiKey, access_token: token } = node(credentials);
    const key = [apiKey, token].find((each) => typeof each === "string" && each !== "");
    return {
      name,
      server,
      store: store === "keychain" ? "keychain" : "file",
      key: key as string ?? null,
    };
  }

  /** Adds or changes a profile. */
  put({ name, server, store, key }: Profile): void {
    if (!NAME.test(name)) throw usageError("A profile's name is letters, digits, dots and dashes");
    const profiles = node(this.#root.profiles);
    const before = Object.hasOwn(profiles, name) ? node(profiles[name]) : {};
    const { credentials: _old, ...rest } = before;
    profiles[name] = {
      ...rest,
      name,
      server,
      credential_store: store,
      ...(key !== null && { credentials: { api_key: key } }),
    };
    this.#root.profiles = profiles;
  }

  /** Removes a profile. */
  remove(name: string): void {
    delete node(this.#root.profiles)[name];
    if (this.current === name) delete this.#root.current_profile;
  }

  /** Chooses the profile of commands that name none. */
  use(name: string): void {
    this.#root.current_profile = name;
  }

  /** Writes the file, whole or not at all, for this user alone. */
  async write(): Promise<void> {
    const directory = this.path.replace(/[\\/][^\\/]*$/, "");
    const draft = `${this.path}.${crypto.randomUUID()}`;
    try {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(draft, stringify(this.#root), { createNew: true, mode: 0o600 });
      await Deno.rename(draft, this.path);
    } catch {
      throw new CliError(1, "The configuration file cannot be written", { hint: this.path });
    }
  }
}

/** The account under which a profile's key is in the keyring. */
export function accountOf({ name, server }: Pick<Profile, "name" | "server">): string {
  return `${name} ${server}`;
}

function node(value: unknown): Node {
  return typeof value === "object" && value !== null ? value as Node : {};
}

function parseRoot(text: string): Node {
  try {
    const root: unknown = parse(text);
    if (typeof root === "object" && root !== null && !Array.isArray(root)) return root as Node;
    if (root === null) return { version: "1" };
  } catch {
    // The parser's message quotes the file.
  }
  throw usageError("The configuration file is not YAML with profiles");
}
