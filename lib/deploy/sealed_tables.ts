/**
 * Rows of deployed code and the keys of the ring that they were made with.
 *
 * @module
 */
import { type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import type { Namespace } from "../resolve/ref.ts";
import {
  type CodeKind,
  type CodeVersionRow,
  codeVersionRow,
  storedDeployment,
} from "../store/deployment_rows.ts";
import { macKey } from "../store/renewal.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import {
  type DeploymentIdentity,
  signCodeVersion,
  signDeployment,
  verifyCodeVersion,
  verifyDeploymentRow,
} from "./rows.ts";

/** A version with the deployment that it is of. */
interface OwnedVersion extends CodeVersionRow {
  readonly owner: DeploymentIdentity;
}

const columns = [{ id: macKey("mac"), purpose: "row" }] as const;

/** `functions.deployments` and `functions.deployment_versions`. */
export const deploymentTables = (set: Pick<RowSetStore, "transact">): readonly SealedTable[] => [
  sealedTable({
    set,
    table: "functions.deployments",
    columns,
    select: "t.*",
    read: (row) => storedDeployment(row).row,
    renew(ring, row) {
      const { mac: _old, ...unsigned } = verifyDeploymentRow(ring, row);
      return { mac: signDeployment(ring, unsigned).mac };
    },
  }),
  sealedTable<OwnedVersion>({
    table: "functions.deployment_versions",
    columns,
    select: "t.*, d.kind, d.namespace, d.name",
    join: "join functions.deployments d on d.id = t.deployment_id",
    read: (row) => ({
      ...codeVersionRow(row),
      owner: {
        id: row.deployment_id as string,
        kind: row.kind as CodeKind,
        namespace: row.namespace as Namespace | null,
        name: row.name as string,
      },
    }),
    renew(ring, { owner, ...row }) {
      const { mac: _old, ...unsigned } = verifyCodeVersion(ring, owner, row);
      return { mac: signCodeVersion(ring, unsigned).mac };
    },
  }),
];
