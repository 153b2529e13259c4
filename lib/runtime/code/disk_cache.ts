/**
 * Bundles on disk, so that a restart doesn't bundle again.
 *
 * One file for each function: a line of JSON about it, then the code. Its folder is for this user
 * alone; what doesn't match its own hash counts as absent.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { digestOf } from "./digest.ts";
import { StoredSettings } from "./settings.ts";

const Header = z.object({
  /** The version of this format. */
  format: z.literal(2),
  /** What made the bundle: another Deno may bundle otherwise. */
  tool: z.string(),
  /** The function's file, relative to the functions directory. */
  file: z.string(),
  /** Its `deno.json`, relative as well. */
  config: z.string().nullable(),
  /** The `deno.json` with its settings. */
  settingsFile: z.string().nullable(),
  settings: StoredSettings,
  /** SHA-256 of each file that the bundle was made from, by relative path. */
  digests: z.record(z.string(), z.string()),
  /** SHA-256 of the code. */
  hash: z.string(),
  warnings: z.array(z.string()),
});

/** A bundle on disk. */
export interface CachedBundle extends z.infer<typeof Header> {
  readonly code: string;
}

/** A folder of bundles. */
export class DiskCache {
  readonly #folder: string;

  /** @param folder Absolute. Made with mode 0700 when something is stored. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The bundle stored under `key`, or `null` when there is none or it was tampered with. */
  async load(key: string): Promise<CachedBundle | null> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.#pathOf(key));
    } catch {
      return null;
    }
    const end = text.indexOf("\n");
    const header = Header.safeParse(parseJson(text.slice(0, end)));
    const code = text.slice(end + 1);
    return header.success && digestOf(code) === header.data.hash ? { ...header.data, code } : null;
  }

  /** Stores a bundle in one step: a reader sees the old one or the new one. */
  async store(key: string, bundle: CachedBundle): Promise<void> {
    const { code, ...header } = bundle;
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#folder}/${randomUUID()}.draft`;
    await Deno.writeTextFile(draft, `${JSON.stringify(header)}\n${code}`, { mode: 0o600 });
    await Deno.rename(draft, this.#pathOf(key));
  }

  /** Removes what is stored under `key`, if anything. */
  async remove(key: string): Promise<void> {
    try {
      await Deno.remove(this.#pathOf(key));
    } catch {
      // Nothing was stored, or it stays: it is only used when its inputs are there again.
    }
  }

  #pathOf(key: string): string {
    return `${this.#folder}/${digestOf(key)}.bundle`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
