import { assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { admin, ref, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();

/** What each method of the vault does to the secret A after a tampering. */
const reads = {
  find: (vault: Vault) => vault.find(admin, ref("A")),
  list: (vault: Vault) => vault.list(admin),
  versions: (vault: Vault) => vault.versions(admin, ref("A")),
  update: (vault: Vault) => vault.update(admin, ref("A"), { description: "x" }),
  rollback: (vault: Vault) => vault.rollback(admin, ref("A"), 1),
  delete: (vault: Vault) => vault.delete(admin, ref("A")),
};

type Method = keyof typeof reads;
const all = Object.keys(reads) as Method[];

const tamperings: { name: string; sql: string; refuse: readonly Method[] }[] = [
  { name: "description", sql: "update functions.secrets set description = 'ok'", refuse: all },
  { name: "author", sql: "update functions.secrets set updated_by = 'me'", refuse: all },
  { name: "creation", sql: "update functions.secrets set created_at = now()", refuse: all },
  { name: "version pointer", sql: "update functions.secrets set version = 1", refuse: all },
  { name: "expiry", sql: "update functions.secrets set expires_at = '2999-01-01'", refuse: all },
  {
    name: "a version's author",
    sql: "update functions.secret_versions set created_by = 'me' where version = 1",
    refuse: ["versions", "rollback"],
  },
  {
    name: "a version's number",
    sql: "update functions.secret_versions set version = 3 where version = 1",
    refuse: ["versions"],
  },
  {
    name: "a version's envelope",
    sql: `update functions.secret_versions set envelope =
      (select envelope from functions.secret_versions where version = 2) where version = 1`,
    refuse: ["versions", "rollback"],
  },
];

test(
  "the vault refuses to decide by a row that was changed from outside",
  async (world, _kind, t) => {
    const value = Plaintext.fromText("value-1");
    await world.vault.create(admin, ref("A"), { value });
    await world.vault.update(admin, ref("A"), { value });
    for (const { name, sql, refuse } of tamperings) {
      for (const method of refuse) {
        await t.step(`${name}: ${method}`, async () => {
          const undo = new Error("undo");
          const attempt = world.database.sql.transaction(async (tx) => {
            await tx.query(sql);
            const vault = new Vault({ ...world, sql: tx });
            const error = await assertRejects(() => reads[method](vault), AppError);
            assertEquals(error.code, "INTEGRITY_VIOLATION", error.message);
            throw undo;
          });
          assertEquals(await assertRejects(() => attempt, Error), undo);
        });
      }
    }
    assertEquals((await world.vault.find(admin, ref("A"))).version, 2);
  },
);
