/**
 * Deployments over the database of a test, as one server has them.
 *
 * @module
 */
import { type DeploymentParts, openDeployments } from "../../lib/deploy/start.ts";
import type { DeployRequest, DeployResult } from "../../lib/deploy/deployer.ts";
import type { UploadedFile } from "../../lib/deploy/upload.ts";
import { parseNamespace } from "../../lib/resolve/ref.ts";
import { pickToolEnvironment } from "../../lib/runtime/code/deno_tool.ts";
import type { CodeKind } from "../../lib/store/deployment_rows.ts";
import { admin, type World } from "../support/world.ts";

/** Files by path. */
export type Files = Readonly<Record<string, string>>;

/** Files as they are uploaded. */
export function upload(files: Files): UploadedFile[] {
  const encoder = new TextEncoder();
  return Object.entries(files).map(([path, text]) => ({ path, bytes: encoder.encode(text) }));
}

/** A function whose response is a text. */
export function saying(text: string): string {
  return `export default () => new Response(${JSON.stringify(text)});\n`;
}

/** One server's deployments, with a disk of its own. */
export class Replica implements AsyncDisposable {
  readonly parts: DeploymentParts;
  readonly directory: string;

  private constructor(parts: DeploymentParts, directory: string) {
    this.parts = parts;
    this.directory = directory;
  }

  static async open(
    world: World,
    options: { readonly kind?: CodeKind; readonly freshMs?: number } = {},
  ): Promise<Replica> {
    const directory = await Deno.makeTempDir({ prefix: "fx" });
    const parts = await openDeployments({
      sql: world.database.sql,
      ring: world.ring,
      set: world.deployments,
      kind: options.kind ?? "function",
      directory,
      build: { deno: Deno.execPath(), env: pickToolEnvironment(Deno.env.toObject()) },
      freshMs: options.freshMs ?? Infinity,
    });
    return new Replica(parts, directory);
  }

  /** Deploys files as the administrator. */
  async deploy(
    files: Files,
    options: Partial<Omit<DeployRequest, "files" | "namespace">> & { namespace?: string } = {},
  ): Promise<DeployResult> {
    const namespace = options.namespace === undefined ? null : parseNamespace(options.namespace);
    return await this.parts.deployer.deploy(admin, { ...options, files: upload(files), namespace });
  }

  /** What the code that is served answers; `undefined` when there is none. */
  async said(name: string, namespace: string | null = null): Promise<string | undefined> {
    const code = await this.parts.code.find(name, namespace);
    if (code === null) return undefined;
    const url = URL.createObjectURL(new Blob([code.code], { type: "text/javascript" }));
    try {
      const module: { default(): Response } = await import(url);
      return await module.default().text();
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}
