/**
 * Looks at what is deployed, for those who may.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import { parseSettings } from "../runtime/code/settings.ts";
import type {
  CodeKind,
  CodeVersionRow,
  DeploymentRow,
  StoredDeployment,
} from "../store/deployment_rows.ts";
import { listCodeVersions, loadWholeDeployments } from "../store/deployments.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { type CodePlace, demand } from "./access.ts";
import type { Bundles } from "./bundles.ts";
import type { Deployed } from "./deployed_code.ts";
import { describeDeployment, labelOf, verifyCodeVersion, verifyDeployment } from "./rows.ts";

/** What a {@linkcode DeploymentReader} works with. */
export interface ReaderParts {
  readonly sql: Sql;
  /** Which deployments there are. */
  readonly set: RowSetStore;
  readonly ring: KeyRing;
  readonly kind: CodeKind;
  readonly bundles: Bundles;
}

/** Reads the deployments of one kind. Everything throws FUNCTION_NOT_FOUND for an unknown name. */
export class DeploymentReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** What is deployed under a name. */
  async find(principal: Principal, place: CodePlace): Promise<Deployed> {
    return deployedOf(await this.#find(principal, place));
  }

  /** The code that is deployed under a name. */
  async code(principal: Principal, place: CodePlace): Promise<string> {
    const { current } = await this.#find(principal, place);
    return await this.#parts.bundles.read(current.hash);
  }

  /** Every version under a name, newest first. */
  async versions(principal: Principal, place: CodePlace): Promise<CodeVersionRow[]> {
    const { sql, ring } = this.#parts;
    const { row } = await this.#find(principal, place);
    const versions = await listCodeVersions(sql, row.id);
    return versions.map((version) => verifyCodeVersion(ring, row, version));
  }

  async #find(principal: Principal, place: CodePlace): Promise<Verified> {
    const { ring, kind } = this.#parts;
    demand(principal, kind, "read", [place]);
    const { deployments } = await loadWholeDeployments(this.#parts, kind);
    return verifyDeployment(ring, findIn(deployments, place, kind));
  }
}

/** A deployment whose rows were verified. */
interface Verified {
  readonly row: DeploymentRow;
  readonly current: CodeVersionRow;
}

/**
 * The deployment of a place.
 *
 * @throws {AppError} FUNCTION_NOT_FOUND when nothing is deployed there.
 */
export function findIn(
  live: readonly StoredDeployment[],
  place: CodePlace,
  kind: CodeKind,
): StoredDeployment {
  const found = live.find(({ row }) => labelOf(row) === labelOf(place));
  if (found !== undefined) return found;
  const what = describeDeployment({ kind, ...place });
  throw new AppError("FUNCTION_NOT_FOUND", `There is no deployed ${what}`);
}

/** Reads the settings of a verified deployment. */
export function deployedOf({ row, current }: Verified): Deployed {
  return { row, version: current, settings: parseSettings(current.settings) };
}
