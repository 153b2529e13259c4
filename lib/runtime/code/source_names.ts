/**
 * What a source file is called in messages, stack traces and bundles: never by its machine path.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { toSlashes } from "./directory.ts";

const OUTSIDE = "a file outside the functions directory";

/** Turns absolute paths and `file:` URLs into public names. */
export class SourceNames {
  readonly #root: string;
  readonly #npmCache: string;

  /**
   * @param root The folder of the sources, absolute.
   * @param npmCache Deno's cache of npm packages, absolute.
   */
  constructor(root: string, npmCache: string) {
    this.#root = `${toSlashes(root)}/`;
    this.#npmCache = `${toSlashes(npmCache)}/`;
  }

  /** The path relative to the root, or `null` for a file elsewhere. */
  relative(path: string): string | null {
    const slashed = toSlashes(path);
    return slashed.startsWith(this.#root) ? slashed.slice(this.#root.length) : null;
  }

  /** A relative path, `npm:name@version/file`, or a phrase that says it is neither. */
  nameOf(path: string): string {
    const inside = this.relative(path);
    if (inside !== null) return inside;
    const slashed = toSlashes(path);
    if (!slashed.startsWith(this.#npmCache)) return OUTSIDE;
    // <registry>/<name>/<version>/<file>, where the name may have a scope.
    const parts = /^[^/]+\/((?:@[^/]+\/)?[^/]+)\/([^/]+)\/(.+)$/.exec(
      slashed.slice(this.#npmCache.length),
    );
    return parts === null ? "npm" : `npm:${parts[1]}@${parts[2]}/${parts[3]}`;
  }

  /**
   * A tool's message as one line for a person: without the frame of source text, literals and
   * machine paths; with the position in front when the message has one.
   */
  clean(text: string): string {
    const place = /at (file:\/\/\S+?):(\d+):(\d+)/.exec(text);
    const [first = ""] = text.split("\n");
    const line = first
      // What follows is the literal itself, which may be a value that somebody wrote into the code.
      .replace(/ literal \(.*$/, " literal")
      .replace(/file:\/\/[^\s"')]+/g, (url) => this.#nameOfUrl(url))
      .replace(/(^|[\s"'(])(\/[^\s"'):]+)/g, (_, before, path) => before + this.nameOf(path))
      .trim();
    if (place === null) return line;
    return `${this.#nameOfUrl(place[1] ?? "")}:${place[2]}:${place[3]}: ${line}`;
  }

  #nameOfUrl(url: string): string {
    try {
      return this.nameOf(fileURLToPath(url));
    } catch {
      return OUTSIDE;
    }
  }
}
