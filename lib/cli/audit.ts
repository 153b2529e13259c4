/**
 * The `audit` commands, as the table has them.
 *
 * @module
 */
import { later } from "./later.ts";
import { MOMENT_RULE } from "./moment.ts";
import type { Command, Flag } from "./table.ts";

const run = () => later<typeof import("./audit_run.ts")>("./audit_run.ts");

const WHAT: readonly Flag[] = [
  { name: "action", value: "ACTION", help: "Such as secret.update, key.revoke, access.denied" },
  { name: "principal", value: "ID", help: "Only of this key or person" },
  { name: "namespace", value: "NAME", help: "Only of this namespace" },
  { name: "name", value: "NAME", help: "Only of the secret, function or key of this name" },
  { name: "outcome", value: "OUTCOME", help: "done or denied" },
  { name: "execution", value: "ID", help: "Only of this execution" },
  { name: "since", value: "TIME", help: "From when on: 1h, 2d, a date, or a date and time" },
  { name: "until", value: "TIME", help: "Up to when" },
];

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "Show who did what, newest first",
  flags: [...WHAT, { name: "limit", value: "N", help: "How many records (default 100)" }],
  notes: [`A time is ${MOMENT_RULE}.`, "Values are in no record."],
  examples: [
    "audit list --name API_KEY --namespace production",
    "audit list --outcome denied --since 1d",
  ],
  load: async () => (await run()).listAudit,
};

const tail: Command = {
  name: "tail",
  summary: "Show the newest records; --follow goes on as they come",
  flags: [
    ...WHAT.filter(({ name }) => name !== "since" && name !== "until"),
    { name: "lines", value: "N", help: "How many records to begin with (default 20)" },
    { name: "follow", short: "f", help: "Go on until it is stopped" },
  ],
  examples: ["audit tail --follow", "audit tail --action access.denied"],
  load: async () => (await run()).tailAudit,
};

const exportAll: Command = {
  name: "export",
  summary: "Write every record as a line of JSON, with its revisions and its MAC",
  flags: [...WHAT, { name: "file", value: "FILE", help: "Where to; standard output without it" }],
  examples: ["audit export --file audit.jsonl", "audit export --since 2026-01-01"],
  load: async () => (await run()).exportAudit,
};

const verify: Command = {
  name: "verify",
  summary: "Say whether a record was removed or altered",
  notes: [
    "Ends with 1 when something is wrong. Once somebody has looked, begin anew where records are " +
    "missing with: verify --accept @audit",
    "Streams that begin later than at their first revision are told of: what was before was removed " +
    "by age, or accepted as missing, or is from before there were records.",
  ],
  examples: ["audit verify"],
  load: async () =>
    (await later<typeof import("./audit_verify.ts")>("./audit_verify.ts")).verifyAudit,
};

/** `audit` and everything under it. */
export const audit: Command = {
  name: "audit",
  summary: "Show who did what, and whether the record of it is whole",
  commands: [list, tail, exportAll, verify],
};
