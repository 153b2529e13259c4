/**
 * Settings' rows and the keys of the ring that they were made with.
 *
 * @module
 */
import { type SealedTable, sealedTable } from "../keyring/sealed_table.ts";
import {
  openSetting,
  sealSetting,
  type SettingRow,
  signSettingRow,
  verifySettingRow,
} from "../resolve/setting_rows.ts";
import { envelopeKey, macKey } from "../store/renewal.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { settingRow } from "../store/settings.ts";

/** `app.settings`. */
export const settingTables = (set: Pick<RowSetStore, "transact">): readonly SealedTable[] => [
  sealedTable<SettingRow>({
    set,
    table: "app.settings",
    columns: [
      { id: envelopeKey("envelope"), purpose: "value" },
      { id: macKey("mac"), purpose: "row" },
    ],
    select: "t.*",
    large: "envelope",
    read: settingRow,
    renew(ring, row) {
      const { mac: _old, ...columns } = verifySettingRow(ring, row);
      const envelope = sealSetting(ring, row, openSetting(ring, row));
      return { envelope, mac: signSettingRow(ring, { ...columns, envelope }).mac };
    },
  }),
];
