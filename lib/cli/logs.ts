/**
 * The `logs` commands, as the table has them.
 *
 * @module
 */
import { later } from "./later.ts";
import { MOMENT_RULE } from "./moment.ts";
import type { Command, Flag } from "./table.ts";

const reader = () => later<typeof import("./logs_read.ts")>("./logs_read.ts");
const follower = () => later<typeof import("./logs_follow.ts")>("./logs_follow.ts");

const CATEGORY: Flag = {
  name: "category",
  value: "NAME",
  help: "execution (all that is kept), system, http, security, ai or custom",
};
const WHAT: readonly Flag[] = [
  CATEGORY,
  { name: "level", value: "LEVEL", help: "debug, info, warn or error" },
  { name: "component", value: "NAME", help: "Only of this function or job" },
  { name: "function", value: "NAME", help: "The same as --component" },
  { name: "namespace", value: "NAME", help: "Only of this namespace" },
  { name: "search", value: "TEXT", help: "Only lines that hold this text" },
];
const RANGE: readonly Flag[] = [
  { name: "since", value: "TIME", help: "From when on: 1h, 2d, a date, or a date and time" },
  { name: "from", value: "TIME", help: "The same as --since" },
  { name: "until", value: "TIME", help: "Up to when" },
  { name: "to", value: "TIME", help: "The same as --until" },
];

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "Search what functions and jobs printed, and which secrets they read",
  flags: [
    ...WHAT,
    { name: "custom-category", value: "NAME", help: "A category of the application's own" },
    { name: "execution", value: "ID", help: "Only of this execution" },
    { name: "request-id", value: "ID", help: "Only of this request" },
    { name: "user-id", value: "ID", help: "Only of calls by this principal" },
    ...RANGE,
    { name: "limit", value: "N", help: "How many lines (default 100)" },
    { name: "asc", help: "Oldest first" },
  ],
  notes: [
    `A time is ${MOMENT_RULE}.`,
    "A read of a secret is a line such as: read FLUXBASE_SECRET_API_KEY (global, version 3)",
  ],
  examples: [
    'logs list --category execution --search "FLUXBASE_SECRET"',
    "logs list --function hello --level error --since 1h",
    "logs list --from 2026-01-01 --to 2026-02-01 --limit 1000 -o json",
  ],
  load: async () => (await reader()).listLogs,
};

const tail: Command = {
  name: "tail",
  summary: "Show the newest lines; --follow goes on as they come",
  flags: [
    ...WHAT,
    { name: "lines", value: "N", help: "How many lines to begin with (default 20)" },
    { name: "follow", short: "f", help: "Go on until it is stopped" },
  ],
  examples: ["logs tail", "logs tail --function hello --follow"],
  load: async () => (await follower()).tailLogs,
};

const stats: Command = {
  name: "stats",
  summary: "Count lines by level, and show how far back they go",
  flags: [...WHAT.filter(({ name }) => name !== "search"), ...RANGE],
  examples: ["logs stats", "logs stats --since 1d"],
  load: async () => (await reader()).showLogStats,
};

const execution: Command = {
  name: "execution",
  aliases: ["exec"],
  summary: "Show the log of one execution",
  args: [{ name: "ID" }],
  flags: [
    { name: "follow", short: "f", help: "Go on until it is stopped" },
    { name: "tail", value: "N", help: "Only the last N lines" },
  ],
  examples: ["logs execution 6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21"],
  load: async () => (await follower()).executionLogs,
};

/** `logs` and everything under it. */
export const logs: Command = {
  name: "logs",
  aliases: ["log"],
  summary: "Search and follow what functions and jobs printed and read",
  commands: [list, tail, stats, execution],
};
