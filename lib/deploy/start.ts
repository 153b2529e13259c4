/**
 * Puts the parts together that serve and deploy the code of one kind.
 *
 * @module
 */
import { removeLeftOvers } from "../runtime/code/work_folder.ts";
import { Bundles } from "./bundles.ts";
import { DeployedCode, type DeployedCodeOptions } from "./deployed_code.ts";
import { Deployer, type DeployerParts } from "./deployer.ts";
import type { BuildOptions } from "./build.ts";
import { DeploymentReader } from "./reader.ts";

/** Options of {@linkcode openDeployments}. */
export interface DeploymentsOptions
  extends
    Pick<DeployedCodeOptions, "sql" | "set" | "ring" | "kind" | "freshMs" | "onStale">,
    Pick<DeployerParts, "now"> {
  /** Where code is kept and built, absolute; one directory serves all kinds. */
  readonly directory: string;
  readonly build: Omit<BuildOptions, "cacheDir">;
  onUncached?(error: unknown): void;
}

/** The parts for one kind. */
export interface DeploymentParts {
  readonly code: DeployedCode;
  readonly deployer: Deployer;
  readonly reader: DeploymentReader;
  /** Removes code from disk that was last needed before `before`. */
  sweep(before: Date): Promise<number>;
}

/** Opens the deployments of one kind. */
export async function openDeployments(options: DeploymentsOptions): Promise<DeploymentParts> {
  const { sql, set, ring, kind, directory } = options;
  const bundles = new Bundles({
    sql,
    directory: `${directory}/${kind}`,
    ...(options.onUncached && { onUncached: options.onUncached }),
  });
  const code = new DeployedCode({ ...options, bundles });
  const cacheDir = `${directory}/build-${kind}s`;
  await removeLeftOvers(cacheDir, Date.now());
  const build = { ...options.build, cacheDir };
  const deployer = new Deployer({
    sql,
    set,
    ring,
    kind,
    bundles,
    build,
    held: code,
    ...(options.now && { now: options.now }),
  });
  return {
    code,
    deployer,
    reader: new DeploymentReader({ sql, set, ring, kind, bundles }),
    async sweep(before: Date): Promise<number> {
      const live = await code.list();
      const needed = live.flatMap((each) => "error" in each ? [] : [each.version.hash]);
      return await bundles.sweep(before, new Set(needed));
    },
  };
}
