/**
 * The audit's tables, and how their rows are made anew.
 *
 * @module
 */
import {
  type AuditFloor,
  type AuditRecord,
  isFloor,
  isIntact,
  signFloor,
  signRecord,
} from "../audit/record.ts";
import { AppError } from "../errors.ts";
import { AUDIT_COLUMNS, auditRecord, floorOf } from "../store/audit_rows.ts";
import { macKey } from "../store/renewal.ts";
import { type SealedTable, sealedTable } from "./sealed_table.ts";

const columns = [{ id: macKey("mac"), purpose: "row" }] as const;

/** Records, and from where on they are kept. */
export const AUDIT_TABLES: readonly SealedTable[] = [
  sealedTable<AuditRecord>({
    table: "app.audit",
    columns,
    // A batch calls the place of a row `at`.
    select: AUDIT_COLUMNS.replace(/\bat\b/, "t.at as happened_at"),
    read: (row) => auditRecord({ ...row, at: row.happened_at }),
    renew(ring, { mac, ...record }) {
      if (!isIntact(ring, { ...record, mac })) throw notAsWritten();
      return { mac: signRecord(ring, record).mac };
    },
  }),
  sealedTable<AuditFloor>({
    table: "app.audit_floors",
    columns,
    select: "t.*",
    read: floorOf,
    renew(ring, floor) {
      if (!isFloor(ring, floor)) throw notAsWritten();
      return { mac: signFloor(ring, floor.stream, floor.revision).mac };
    },
  }),
];

function notAsWritten(): AppError {
  return new AppError("INTEGRITY_VIOLATION", "A record of the audit is not as it was written");
}
