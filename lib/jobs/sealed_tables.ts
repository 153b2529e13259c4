/**
 * Jobs' rows and the keys of the ring that they were made with.
 *
 * @module
 */
import { type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import { macKey } from "../store/renewal.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { signOrder, verifyOrder } from "./job.ts";
import { ORDER_COLUMNS, orderOf } from "./job_rows.ts";
import { scheduleMessage, verifySchedule } from "./schedules.ts";

const columns = [{ id: macKey("mac"), purpose: "row" }] as const;

/** `functions.jobs` and `functions.job_schedules`. */
export const jobTables = (set: Pick<RowSetStore, "transact">): readonly SealedTable[] => [
  sealedTable({
    table: "functions.jobs",
    columns,
    select: ORDER_COLUMNS.replaceAll("j.", "t."),
    large: "payload",
    read: orderOf,
    renew(ring, row) {
      const { mac: _old, ...order } = verifyOrder(ring, row);
      return { mac: signOrder(ring, order).mac };
    },
  }),
  sealedTable({
    set,
    table: "functions.job_schedules",
    columns,
    select: "t.*",
    read: (row) => ({ row, mac: row.mac as Uint8Array }),
    renew(ring, { row }) {
      const { schedule } = verifySchedule(ring, row);
      return { mac: ring.mac("row", scheduleMessage(schedule)) };
    },
  }),
];
