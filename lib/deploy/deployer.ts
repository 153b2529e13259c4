/**
 * Deploys, rolls back and deletes code: each wholly or not at all, and in force on this server
 * before it is acknowledged.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import { Gate } from "../runtime/code/gate.ts";
import { formatSettings, type FunctionSettings, parseSettings } from "../runtime/code/settings.ts";
import type { CodeKind, StoredDeployment } from "../store/deployment_rows.ts";
import { changeDeployments, listCodeVersions } from "../store/deployments.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { type CodePlace, demand, demandNetwork } from "./access.ts";
import { type BuildOptions, buildUpload, type BuiltCode } from "./build.ts";
import type { Bundles } from "./bundles.ts";
import type { Deployed } from "./deployed_code.ts";
import { deletion, nextVersion, type Plan, planDeployment, type Signer } from "./plan.ts";
import { deployedOf, findIn } from "./reader.ts";
import { describeDeployment, labelOf, verifyCodeVersion, verifyDeployment } from "./rows.ts";
import type { UploadedFile } from "./upload.ts";

/** What a {@linkcode Deployer} works with. */
export interface DeployerParts {
  readonly sql: Sql;
  /** Which deployments there are. */
  readonly set: RowSetStore;
  readonly ring: KeyRing;
  readonly kind: CodeKind;
  readonly bundles: Bundles;
  readonly build: BuildOptions;
  /** Who holds what is deployed. */
  readonly held: { invalidate(): void };
  readonly now?: () => Date;
}

/** What is to be deployed. */
export interface DeployRequest {
  readonly files: readonly UploadedFile[];
  /** Where everything goes; `null`: each goes where its folder says. */
  readonly namespace: Namespace | null;
  /** Only code of these names. */
  readonly names?: readonly string[];
  /** Build and compare, and change nothing. */
  readonly dryRun?: boolean;
  /** Delete what is deployed where this deploys to, and isn't in the upload. */
  readonly prune?: boolean;
  /** Refuse what is deployed already. */
  readonly onlyNew?: boolean;
  /** Takes the place of what the files say about the code. */
  readonly settings?: (from: FunctionSettings) => FunctionSettings;
}

/** What a deployment did, or would do, as labels such as `hello` and `@production/hello`. */
export interface DeployResult {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  readonly deleted: readonly string[];
}

/** Deploys the code of one kind. */
export class Deployer {
  readonly #parts: DeployerParts;
  readonly #now: () => Date;
  /** One upload at a time: each may be large, and building takes the whole machine. */
  readonly #turn = new Gate(1);

  constructor(parts: DeployerParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /**
   * Builds and deploys an upload.
   *
   * @throws {AppError} DEPLOY_REFUSED when one part of it can't be built; ACCESS_DENIED when one part
   * isn't granted. Then nothing has changed.
   */
  async deploy(principal: Principal, request: DeployRequest): Promise<DeployResult> {
    const { kind, build } = this.#parts;
    demand(principal, kind, "deploy");
    return await this.#turn.run(async () => {
      const { files, namespace, names } = request;
      const selection = { namespace, ...(names && { names }) };
      const built = await buildUpload(kind, files, selection, build, (selected) => {
        demand(principal, kind, "deploy", selected);
      });
      const plan = await this.#apply(principal, request, built);
      if (request.dryRun !== true) await this.#keep(built);
      return resultOf(plan);
    });
  }

  /**
   * Makes an earlier version's code and settings the newest version.
   *
   * @throws {AppError} FUNCTION_NOT_FOUND or VERSION_NOT_FOUND.
   */
  async rollback(principal: Principal, place: CodePlace, version: number): Promise<Deployed> {
    const { kind, ring } = this.#parts;
    demand(principal, kind, "deploy", [place]);
    return await this.#change(principal, async (live, signer, sql) => {
      const { row } = verifyDeployment(ring, findIn(live, place, kind));
      const versions = await listCodeVersions(sql, row.id);
      const wanted = versions.find((each) => each.version === version);
      if (wanted === undefined) throw new AppError("VERSION_NOT_FOUND", "Version not found");
      const { hash, settings } = verifyCodeVersion(ring, row, wanted);
      const code = { hash, settings, restored: version };
      return nextVersion(row, code, signer, "deploy.rollback");
    });
  }

  /**
   * Changes the settings and leaves the code.
   *
   * @throws {AppError} FUNCTION_NOT_FOUND.
   */
  async configure(
    principal: Principal,
    place: CodePlace,
    change: (from: FunctionSettings) => FunctionSettings,
  ): Promise<Deployed> {
    const { kind, ring } = this.#parts;
    demand(principal, kind, "deploy", [place]);
    return await this.#change(principal, (live, signer) => {
      const { row, current } = verifyDeployment(ring, findIn(live, place, kind));
      const settings = formatSettings(change(parseSettings(current.settings)));
      const code = { hash: current.hash, settings, restored: null };
      return Promise.resolve(nextVersion(row, code, signer, "deploy.configure"));
    });
  }

  /**
   * Deletes what is deployed under a name, also when its rows were tampered with.
   *
   * @throws {AppError} FUNCTION_NOT_FOUND.
   */
  async delete(principal: Principal, place: CodePlace): Promise<void> {
    const { kind } = this.#parts;
    demand(principal, kind, "delete", [place]);
    await this.#invalidating(changeDeployments(this.#parts, kind, (live) => {
      const { row } = findIn(live, place, kind);
      const changes = [deletion(row, this.#signer(principal))];
      return Promise.resolve({ changes, blobs: [], result: undefined });
    }));
  }

  async #apply(
    principal: Principal,
    request: DeployRequest,
    built: readonly BuiltCode[],
  ): Promise<Plan> {
    const { kind } = this.#parts;
    const signer = this.#signer(principal);
    const namespaces = new Set(built.map(({ namespace }) => namespace));
    const prune = ({ namespace }: CodePlace) => request.prune === true && namespaces.has(namespace);
    const settings = request.settings ?? ((from) => from);
    const wanted = built.map(({ name, namespace, bundle }) => {
      const own = settings(bundle.settings);
      demandNetwork(principal, { name, namespace }, own);
      const { hash } = bundle;
      return { name, namespace, hash, settings: formatSettings(own), restored: null };
    });
    return await this.#invalidating(changeDeployments(this.#parts, kind, (live) => {
      const plan = planDeployment(live, wanted, prune, signer);
      demandAll(principal, kind, plan.deleted);
      if (request.onlyNew === true) refuseKnown(plan, kind);
      if (request.dryRun === true) return Promise.resolve({ changes: [], blobs: [], result: plan });
      const blobs = built.map(({ bundle: { hash, code } }) => ({
        hash,
        code,
        createdAt: signer.now,
      }));
      return Promise.resolve({ changes: plan.changes, blobs, result: plan });
    }));
  }

  async #change(
    principal: Principal,
    work: (
      live: readonly StoredDeployment[],
      signer: Signer,
      sql: Sql,
    ) => Promise<ReturnType<typeof nextVersion>>,
  ): Promise<Deployed> {
    const { kind } = this.#parts;
    return await this.#invalidating(changeDeployments(this.#parts, kind, async (live, tx) => {
      const change = await work(live, this.#signer(principal), tx);
      const result = deployedOf({ row: change.after, current: change.version! });
      return { changes: [change], blobs: [], result };
    }));
  }

  /** Also after an error: a connection that broke may have broken after the commit. */
  async #invalidating<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      this.#parts.held.invalidate();
    }
  }

  /** The server that built code has it on disk for its own calls. */
  async #keep(built: readonly BuiltCode[]): Promise<void> {
    for (const { bundle } of built) await this.#parts.bundles.keep(bundle.hash, bundle.code);
  }

  #signer(principal: Principal): Signer {
    const { ring, kind } = this.#parts;
    return { ring, kind, by: principal.id, actor: actorOf(principal), now: this.#now() };
  }
}

function demandAll(
  principal: Principal,
  kind: CodeKind,
  deleted: readonly StoredDeployment[],
): void {
  if (deleted.length > 0) demand(principal, kind, "delete", deleted.map(({ row }) => row));
}

function refuseKnown({ updated, unchanged }: Plan, kind: CodeKind): void {
  const [known] = [...updated, ...unchanged];
  if (known === undefined) return;
  throw new AppError("CONFLICT", `There is a deployed ${describeDeployment({ kind, ...known })}`);
}

function resultOf({ created, updated, unchanged, deleted }: Plan): DeployResult {
  return {
    created: created.map(labelOf),
    updated: updated.map(labelOf),
    unchanged: unchanged.map(labelOf),
    deleted: deleted.map(({ row }) => labelOf(row)),
  };
}
