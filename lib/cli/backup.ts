/**
 * The `backup` and `migrate` commands, as the table has them.
 *
 * @module
 */
import { later } from "./later.ts";
import type { Command, Flag } from "./table.ts";

const run = () => later<typeof import("./backup_run.ts")>("./backup_run.ts");

const passphraseFile: Flag = {
  name: "passphrase-file",
  value: "PATH",
  help: "A file whose first line is the passphrase; - for stdin",
};
const identityFile: Flag = {
  name: "identity-file",
  value: "PATH",
  help: "A file of age identities, instead of a passphrase",
};

const create: Command = {
  name: "create",
  summary: "Write everything into one encrypted file",
  args: [{ name: "FILE" }],
  flags: [
    passphraseFile,
    {
      name: "recipient",
      value: "AGE1",
      many: true,
      help: "Encrypt for an age recipient, instead of with a passphrase; several times for several",
    },
  ],
  notes: [
    "All secrets with all their versions, deleted ones too, settings, deployed code, schedules of " +
    "jobs, and what service keys there are. FILE must not be there yet; - writes to stdout. It is " +
    "written below the directory you are in.",
    "A service key itself is stored nowhere, so a restored one is revoked: make new ones.",
  ],
  examples: ["backup create fluxbase.backup"],
  load: async () => (await run()).createBackup,
};

const verify: Command = {
  name: "verify",
  summary: "Open a backup to its end, without a server, and count what is in it",
  args: [{ name: "FILE" }],
  flags: [passphraseFile, identityFile],
  examples: ["backup verify fluxbase.backup"],
  load: async () => (await run()).verifyBackup,
};

const restore: Command = {
  name: "restore",
  summary: "Bring a backup into a server whose database is empty: all of it, or nothing",
  args: [{ name: "FILE" }],
  flags: [passphraseFile, identityFile],
  notes: [
    "The server may have another kind of database and another root key. It keeps its own service " +
    "keys; those of the backup come as a record, revoked.",
    "Schedules are followed at once, also while the old server goes on: remove them on one of the " +
    "two.",
    "Whoever has a recipient's public key can make a file for it: restore only one whose origin " +
    "you know.",
  ],
  examples: ["backup restore fluxbase.backup"],
  load: async () => (await run()).restoreBackup,
};

/** `backup` and everything under it. */
export const backup: Command = {
  name: "backup",
  summary: "Save everything in one encrypted file, and bring it back",
  commands: [create, verify, restore],
};

const fromFluxbase: Command = {
  name: "from-fluxbase",
  summary: "Bring over secrets, their history and settings from a Fluxbase database",
  flags: [
    { name: "source-url", value: "URL", help: "Its database: postgres://user@host/name" },
    {
      name: "source-url-file",
      value: "PATH",
      help: "A file that holds the URL, for one with a password; - for stdin",
    },
    { name: "source-key-file", value: "PATH", help: "A file with its 32-byte encryption key" },
    { name: "dry-run", help: "Only say what would become of each" },
    { name: "rename", help: "Give names that break a rule one that doesn't" },
  ],
  notes: [
    "Reads the database and writes nothing there. Names are put in upper case. What has a name " +
    "that is taken here is left as it is here. Values are never shown.",
  ],
  examples: [
    "migrate from-fluxbase --source-url-file url.txt --source-key-file key.txt --dry-run",
  ],
  load: async () =>
    (await later<typeof import("./migrate_run.ts")>("./migrate_run.ts")).migrateFromFluxbase,
};

/** `migrate` and everything under it. */
export const migrate: Command = {
  name: "migrate",
  summary: "Move in from another product",
  commands: [fromFluxbase],
};
