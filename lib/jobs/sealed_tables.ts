/**
 * Jobs' rows and the keys of the ring that they were made with.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import { macKey } from "../store/renewal.ts";
import { signOrder, verifyOrder } from "./job.ts";
import { ORDER_COLUMNS, orderOf } from "./job_rows.ts";
import { scheduleMessage, scheduleOf } from "./schedules.ts";

const columns = [{ id: macKey("mac"), purpose: "row" }] as const;

/** `functions.jobs` and `functions.job_schedules`. */
export const JOB_TABLES: readonly SealedTable[] = [
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
    table: "functions.job_schedules",
    columns,
    select: "t.*",
    read: (row) => ({ schedule: scheduleOf(row), mac: row.mac as Uint8Array }),
    renew(ring, { schedule, mac }) {
      const message = scheduleMessage(schedule);
      if (!ring.verifyMac("row", message, mac)) {
        throw new AppError("INTEGRITY_VIOLATION", "Schedule is not as it was written");
      }
      return { mac: ring.mac("row", message) };
    },
  }),
];
