/**
 * Code from two places: what was deployed, and the working directory.
 *
 * What was deployed wins. To deploy is an explicit act, recorded and the same on every replica; a
 * file that lies about on one machine must not change what that machine answers.
 *
 * @module
 */
import type { Code, CodeProvider } from "../runtime/target.ts";
import type { Namespace } from "../resolve/ref.ts";

/** Knows what is deployed; {@linkcode import("./deployed_code.ts").DeployedCode}. */
export interface Deployments {
  known(name: string, namespace: string | null, now?: number): Code | null | undefined;
  find(name: string, namespace: string | null): Promise<Code | null>;
}

/** A directory of code. */
export interface Directory extends CodeProvider {
  /** Whether there is a file for this name; builds nothing. */
  has(name: string, namespace: string | null): Promise<boolean>;
}

/** Gives deployed code, and that of the working directory where nothing is deployed. */
export class LayeredCode implements CodeProvider {
  readonly #deployed: Deployments;
  readonly #directory: Directory;

  constructor(deployed: Deployments, directory: Directory) {
    this.#deployed = deployed;
    this.#directory = directory;
  }

  /** The current code if that is known without waiting. */
  peek(name: string, namespace: Namespace | null, now?: number): Code | undefined {
    const code = this.#deployed.known(name, namespace, now);
    return code === null ? this.#directory.peek(name, namespace) : code;
  }

  /** @throws {AppError} As both places do. */
  async get(name: string, namespace: Namespace | null): Promise<Code> {
    return await this.#deployed.find(name, namespace) ??
      await this.#directory.get(name, namespace);
  }

  /**
   * Whether a function may be called without a key. What doesn't exist or can't be built may not:
   * somebody without a key learns nothing of it, and makes nothing be built that isn't there.
   */
  async isAnonymous(name: string, namespace: Namespace | null): Promise<boolean> {
    const known = this.peek(name, namespace);
    if (known !== undefined) return known.settings?.anonymous ?? false;
    try {
      const deployed = await this.#deployed.find(name, namespace);
      if (deployed === null && !await this.#directory.has(name, namespace)) return false;
      const code = deployed ?? await this.#directory.get(name, namespace);
      return code.settings?.anonymous ?? false;
    } catch {
      return false;
    }
  }
}
