/**
 * The `keyring` commands, as the table has them.
 *
 * @module
 */
import { later } from "./later.ts";
import type { Command } from "./table.ts";

const change = () => later<typeof import("./keyring_change.ts")>("./keyring_change.ts");

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List the server's keys, and how much is still under each",
  examples: ["keyring list", "keyring list -o json"],
  load: async () =>
    (await later<typeof import("./keyring_list.ts")>("./keyring_list.ts")).listKeyRing,
};

const rotate: Command = {
  name: "rotate",
  summary: "Make new keys; everything is sealed again under them in the background",
  flags: [{ name: "purpose", value: "PURPOSE", help: "Only value, row, token or digest keys" }],
  notes: [
    "Functions, jobs and writers go on meanwhile. See how far it has come with: keyring list",
  ],
  examples: ["keyring rotate", "keyring rotate --purpose value"],
  load: async () => (await change()).rotateKeys,
};

const rewrap: Command = {
  name: "rewrap",
  summary: "Seal the keys under the first root key; no secret is touched",
  flags: [{ name: "new-root", help: "Make a new root.key in the data directory first" }],
  notes: [
    "Put the new root key in front of the old one in FLUXBASE_ENCRYPTION_KEY on every server, " +
    "rewrap, and then drop the old one.",
  ],
  examples: ["keyring rewrap", "keyring rewrap --new-root"],
  load: async () => (await change()).rewrapKeyRing,
};

const retire: Command = {
  name: "retire",
  summary: "Destroy a key that nothing is under any more",
  args: [{ name: "ID" }],
  examples: ["keyring retire 0123456789abcdef"],
  load: async () => (await change()).retireKey,
};

const verify: Command = {
  name: "verify",
  summary: "Say whether every key opens and everything is under a key that is there",
  flags: [{ name: "forget-old-root", help: "Remove root.key.old, if all is well" }],
  examples: ["keyring verify"],
  load: async () => (await change()).verifyKeyRing,
};

/** `keyring` and everything under it. */
export const keyring: Command = {
  name: "keyring",
  summary: "Look after the keys that seal everything",
  commands: [list, rotate, rewrap, retire, verify],
};
