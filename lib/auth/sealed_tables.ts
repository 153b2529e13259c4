/**
 * Service keys' rows and the keys of the ring that they were made with.
 *
 * @module
 */
import { type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import { macKey } from "../store/renewal.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { serviceKeyRow } from "../store/service_keys.ts";
import { changeServiceKeyRow, verifyServiceKeyRow } from "./service_key_rows.ts";

/** A key that can still be used; what is stored of the others is never compared again. */
const GOOD = "revoked_at is null and (expires_at is null or expires_at > now())";

/**
 * `functions.service_keys`: the row is made anew, what is stored of the token can't be, since that
 * takes the token. It is when the key is used.
 */
export function serviceKeyTable(set: Pick<RowSetStore, "transact">): SealedTable {
  return sealedTable({
    set,
    table: "functions.service_keys",
    columns: [
      { id: macKey("mac"), purpose: "row" },
      { id: `case when ${GOOD} then ${macKey("token_mac")} end`, purpose: "token" },
      {
        id: `case when ${GOOD} and previous_until > now() then ${macKey("previous_mac")} end`,
        purpose: "token",
      },
    ],
    select: "t.*",
    read: serviceKeyRow,
    renew: (ring, row) => ({
      mac: changeServiceKeyRow(ring, verifyServiceKeyRow(ring, row), {}).mac,
    }),
  });
}
