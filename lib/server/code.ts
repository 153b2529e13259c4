/**
 * Puts together where code comes from: what is deployed, and the working directory below it.
 *
 * @module
 */
import { resolve } from "node:path";
import type { KeyRing } from "../crypto/keyring.ts";
import { Catalogue } from "../deploy/catalogue.ts";
import { LayeredCode } from "../deploy/layered_code.ts";
import { type DeploymentParts, openDeployments } from "../deploy/start.ts";
import { errorFields, type Log } from "../log.ts";
import { CodeSource } from "../runtime/code/code_source.ts";
import { pickToolEnvironment } from "../runtime/code/deno_tool.ts";
import type { CodeEvent } from "../runtime/code/function_code.ts";
import { hasCommand } from "../runtime/commands.ts";
import type { CodeKind } from "../store/deployment_rows.ts";
import { CODE_CHANNEL } from "../store/deployments.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Database } from "../store/sql.ts";

/** Options of {@linkcode openCode}. */
export interface CodeOptions {
  readonly kind: CodeKind;
  /** The working directory. */
  readonly root: string;
  /** Where bundles are kept and made; one directory serves all kinds. */
  readonly cacheDir: string;
  readonly database: Database;
  readonly ring: KeyRing;
  /** Which deployments there are. */
  readonly set: RowSetStore;
  /** The server's environment, of which Deno's tools get what they need. */
  readonly env: Readonly<Record<string, string>>;
  /** See {@linkcode DeploymentParts}; left out for a database that other processes write to. */
  readonly freshMs?: number;
  readonly log: Log;
}

/** Where the code of one kind comes from, and who changes it. */
export interface CodeRoom extends Pick<DeploymentParts, "deployer" | "reader" | "sweep"> {
  readonly kind: CodeKind;
  /** What runs use. */
  readonly code: LayeredCode;
  /** The working directory. */
  readonly directory: CodeSource;
  /** Lists both. */
  readonly catalogue: Catalogue;
  close(): Promise<void>;
}

/** Opens the code of one kind, and follows what other replicas deploy. */
export async function openCode(options: CodeOptions): Promise<CodeRoom> {
  const { kind, database, ring, log } = options;
  const tool = {
    deno: Deno.execPath(),
    env: pickToolEnvironment(options.env),
    ...(await hasCommand("prlimit") && { prlimit: "prlimit" }),
  };
  const noun = kind === "function" ? "Function" as const : "Job" as const;
  const directory = new CodeSource({
    ...tool,
    noun,
    label: kind,
    root: resolve(options.root),
    cacheDir: resolve(options.cacheDir, kind === "function" ? "." : "jobs"),
    onEvent: (event) => logCodeEvent(log, kind, event),
  });
  const deployments = await openDeployments({
    sql: database.sql,
    ring,
    set: options.set,
    kind,
    directory: resolve(options.cacheDir, "deployed"),
    build: { ...tool, label: kind },
    ...(options.freshMs !== undefined && { freshMs: options.freshMs }),
    onStale: (ageMs) => log.warn("stale deployed code", { kind, age_ms: Math.round(ageMs) }),
    onUncached: (error) => log.warn("deployed code uncached", { kind, ...errorFields(error) }),
  });
  const subscription = await database.listen(
    CODE_CHANNEL,
    (changed) => changed === kind && deployments.code.invalidate(),
    () => deployments.code.invalidate(),
  );
  const { code: deployed, deployer, reader, sweep } = deployments;
  return {
    kind,
    code: new LayeredCode(deployed, directory),
    directory,
    catalogue: new Catalogue({ deployed, directory }),
    deployer,
    reader,
    sweep,
    async close(): Promise<void> {
      await subscription.close();
      await directory.close();
    },
  };
}

function logCodeEvent(log: Log, kind: CodeKind, event: CodeEvent): void {
  if (event.type === "built") {
    const { name, namespace, cached, durationMs } = event;
    const ms = Math.round(durationMs);
    log.info(`${kind} built`, { [kind]: name, namespace: namespace ?? undefined, cached, ms });
  } else if (event.type === "failed" && event.error.code !== "FUNCTION_NOT_FOUND") {
    log.warn(`${kind} not built`, { [kind]: event.name, reason: event.error.message });
  } else if (event.type === "unwatched" || event.type === "uncached") {
    log.warn(`${kind}s ${event.type}`, errorFields(event.error));
  }
}
