/**
 * The vault's tables with something made by keys of the ring, and how their rows are made anew.
 *
 * @module
 */
import { type RenewalTools, type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import {
  signVersionRow,
  valueAssociatedData,
  verifyVersionRow,
} from "../resolve/associated_data.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { SecretIdentity, VersionRow } from "../resolve/records.ts";
import type { Namespace, ScopeName, SecretName } from "../resolve/ref.ts";
import { envelopeKey, macKey } from "../store/renewal.ts";
import { versionRow } from "../store/secret_rows.ts";
import { HeadKeeper } from "./head_keeper.ts";
import { renewHeads, renewSecrets } from "./renewal.ts";

/** A version with the secret that it is of. */
interface OwnedVersion extends VersionRow {
  readonly secret: SecretIdentity;
}

/** Secrets, their versions, heads and remembered answers. */
export function vaultTables(watch: HeadWatch): SealedTable[] {
  const keeper = ({ sql, ring }: RenewalTools) => new HeadKeeper({ sql, ring, watch });
  return [
    VERSIONS,
    {
      table: "functions.secrets",
      columns: [{ id: macKey("mac"), purpose: "row" }],
      renew: (tools, after) => renewSecrets(tools, keeper(tools), after),
    },
    {
      // After the secrets, whose heads are made anew with them: what is left are empty places.
      table: "functions.heads",
      columns: ["mac", "live_digest", "deleted_digest", "place_mac"].map((column) => ({
        id: macKey(column),
        purpose: "row",
      })),
      renew: (tools) => renewHeads(tools, keeper(tools), watch),
    },
    {
      // They are forgotten within a day.
      table: "functions.idempotency_keys",
      columns: [
        { id: macKey("fingerprint"), purpose: "digest" },
        { id: "left(body->>'mac', 16)", purpose: "row" },
      ],
    },
  ];
}

const VERSIONS = sealedTable<OwnedVersion>({
  table: "functions.secret_versions",
  columns: [
    { id: envelopeKey("envelope"), purpose: "value" },
    { id: macKey("mac"), purpose: "row" },
  ],
  select: "t.*, s.scope, s.namespace, s.name",
  join: "join functions.secrets s on s.id = t.secret_id",
  large: "envelope",
  read: (row) => ({
    ...versionRow(row),
    secret: {
      id: row.secret_id as string,
      scope: row.scope as ScopeName,
      namespace: row.namespace as Namespace | null,
      name: row.name as SecretName,
    },
  }),
  renew(ring, { secret, ...before }) {
    verifyVersionRow(ring, secret, before);
    const bound = valueAssociatedData(secret, before.version);
    const envelope = ring.seal(ring.open(before.envelope, bound), bound);
    const { mac: _old, ...columns } = before;
    return { envelope, mac: signVersionRow(ring, { ...columns, envelope }).mac };
  },
});
