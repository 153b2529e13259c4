import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { generateWrappedKeys, openKeyRing } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";
import {
  secretRowMessage,
  signSecretRow,
  signVersionRow,
  valueAssociatedData,
  verifySecretRow,
  verifyVersionRow,
  versionRowMessage,
} from "../../lib/resolve/associated_data.ts";
import type { UnsignedSecretRow, UnsignedVersionRow } from "../../lib/resolve/records.ts";
import { ref } from "../support/world.ts";

const roots = parseRootKeys(generateRootKey().text);
const ring = openKeyRing(roots, generateWrappedKeys(roots[0]!, new Date()));

const row: UnsignedSecretRow = {
  id: "0e3b7a52-2a52-4c5a-9a4e-0d8f4f1c2b3a",
  scope: "namespace",
  ...ref("API_KEY", "prod"),
  description: "d",
  version: 3,
  expiresAt: new Date(5_000),
  createdAt: new Date(1_000),
  updatedAt: new Date(2_000),
  createdBy: "a",
  updatedBy: "b",
  deletedAt: null,
  oldestVersion: 1,
  absences: "[]",
};
/** Another value for every column. */
const changes: { [Column in keyof UnsignedSecretRow]: UnsignedSecretRow[Column] } = {
  id: "0e3b7a52-2a52-4c5a-9a4e-0d8f4f1c2b3b",
  scope: "global",
  namespace: ref("X", "dev").namespace,
  name: ref("API_KEYS").name,
  description: null,
  version: 2,
  expiresAt: null,
  createdAt: new Date(1_001),
  updatedAt: new Date(2_001),
  createdBy: null,
  updatedBy: "a",
  deletedAt: new Date(3_000),
  oldestVersion: 2,
  absences: "[[1,2]]",
};
const version: UnsignedVersionRow = {
  id: "1e3b7a52-2a52-4c5a-9a4e-0d8f4f1c2b3a",
  secretId: row.id,
  version: 3,
  envelope: Uint8Array.of(1, 2, 3),
  createdAt: new Date(1_000),
  createdBy: null,
};
const versionChanges: { [Column in keyof UnsignedVersionRow]: UnsignedVersionRow[Column] } = {
  id: row.id,
  secretId: version.id,
  version: 4,
  envelope: Uint8Array.of(1, 2, 4),
  createdAt: new Date(1_001),
  createdBy: "a",
};

Deno.test("the MAC of a secret's row covers every column", async (t) => {
  const signed = signSecretRow(ring, row);
  assertEquals(verifySecretRow(ring, signed), signed);
  assertEquals(Object.keys(changes).sort(), Object.keys(row).sort());
  for (const column of Object.keys(changes) as (keyof UnsignedSecretRow)[]) {
    await t.step(column, () => {
      const changed = { ...signed, [column]: changes[column] };
      const error = assertThrows(() => verifySecretRow(ring, changed), AppError);
      assertEquals(error.code, "INTEGRITY_VIOLATION");
      assertNotEquals(secretRowMessage(changed), secretRowMessage(row));
    });
  }
});

Deno.test("the MAC of a version's row covers every column", async (t) => {
  const signed = signVersionRow(ring, version);
  assertEquals(verifyVersionRow(ring, row, signed), signed);
  for (const column of Object.keys(versionChanges) as (keyof UnsignedVersionRow)[]) {
    await t.step(column, () => {
      const changed = { ...signed, [column]: versionChanges[column] };
      assertThrows(() => verifyVersionRow(ring, row, changed), AppError);
      assertNotEquals(versionRowMessage(changed), versionRowMessage(version));
    });
  }
  assertThrows(() => verifyVersionRow(ring, { ...row, id: version.id }, signed), AppError);
});

Deno.test("a row that has no canonical form is refused as tampered with", () => {
  const infinite = { ...signSecretRow(ring, row), expiresAt: new Date(NaN) };
  assertEquals(
    assertThrows(() => verifySecretRow(ring, infinite), AppError).code,
    "INTEGRITY_VIOLATION",
  );
});

Deno.test("a value opens for its own secret and version only", async (t) => {
  const envelope = ring.seal(Plaintext.fromText("hunter2"), valueAssociatedData(row, 3));
  assertEquals(ring.open(envelope, valueAssociatedData(row, 3)).reveal(), "hunter2");
  for (const column of ["id", "scope", "namespace", "name"] as const) {
    await t.step(column, () => {
      const other = valueAssociatedData({ ...row, [column]: changes[column] }, 3);
      assertThrows(() => ring.open(envelope, other), AppError);
    });
  }
  await t.step("version", () => {
    assertThrows(() => ring.open(envelope, valueAssociatedData(row, 2)), AppError);
  });
  assert(envelope.length > 53);
});
