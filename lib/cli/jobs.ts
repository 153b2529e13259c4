/**
 * The `jobs` commands, as the table has them.
 *
 * @module
 */
import { codeCommands } from "./code_commands.ts";
import { later } from "./later.ts";
import type { Command, Flag } from "./table.ts";

const ID = { name: "ID" };
const NAMESPACE: Flag = { name: "namespace", value: "NAME", help: "The job of this namespace" };
const PAYLOAD: readonly Flag[] = [
  { name: "payload", value: "JSON", help: "What the job is given; - reads it from stdin" },
  { name: "file", value: "PATH", help: "A file that holds the payload; - reads it from stdin" },
];

const reader = () => later<typeof import("./jobs_read.ts")>("./jobs_read.ts");
const changer = () => later<typeof import("./jobs_change.ts")>("./jobs_change.ts");
const scheduler = () => later<typeof import("./jobs_schedule.ts")>("./jobs_schedule.ts");

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List what can be submitted, deployed jobs and files",
  flags: [{ name: "namespace", value: "NAME", help: "Only the jobs of this namespace" }],
  examples: ["jobs list"],
  load: async () => (await reader()).listJobFunctions,
};

const submit: Command = {
  name: "submit",
  summary: "Submit a job, and wait for it if asked to",
  args: [{ name: "NAME" }],
  flags: [
    NAMESPACE,
    ...PAYLOAD,
    { name: "priority", value: "N", help: "Higher ones are run first (default 0)" },
    { name: "schedule", value: "TIME", help: "Not before: 10m, 2h, 1d, 2027-01-31T09:00:00Z" },
    { name: "retries", value: "N", help: "How often it is tried again (default 3)" },
    {
      name: "retry-delay",
      value: "SECONDS",
      help: "Before the first retry, doubled for each more",
    },
    { name: "wait", help: "Wait for its end, show its progress, and print its result" },
  ],
  notes: [
    "With --wait the exit code tells how it ended: 0 completed, 1 failed, 5 cancelled.",
  ],
  examples: [
    "jobs submit sync",
    `jobs submit sync --payload '{"customer": 7}' --namespace production --wait`,
    "jobs submit sync --file payload.json --priority 10 --schedule 10m",
    "cat payload.json | fluxbase jobs submit sync --payload -",
  ],
  load: async () => (await later<typeof import("./jobs_submit.ts")>("./jobs_submit.ts")).submitJob,
};

const runs: Command = {
  name: "runs",
  summary: "List submitted jobs, newest first",
  flags: [
    { name: "name", value: "NAME", help: "Only those of this name" },
    { name: "namespace", value: "NAME", help: "Only those of this namespace" },
    { name: "status", value: "STATUS", help: "pending, running, completed, failed or cancelled" },
    { name: "dead", help: "Only dead letters: failed for good, and not retried" },
    { name: "limit", value: "N", help: "How many (default 20)" },
  ],
  examples: ["jobs runs", "jobs runs --dead", "jobs runs --name sync --status running"],
  load: async () => (await reader()).listRuns,
};

const status: Command = {
  name: "status",
  aliases: ["show"],
  summary: "Show a job: where it stands, its attempts, and the secrets that each was given",
  args: [ID],
  flags: [{ name: "wait", help: "Wait for its end" }],
  examples: ["jobs status 6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21"],
  load: async () => (await reader()).showJob,
};

const logs: Command = {
  name: "logs",
  summary: "Show what a job printed",
  args: [ID],
  flags: [{ name: "follow", short: "f", help: "Go on until the job has ended" }],
  examples: ["jobs logs 6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21 --follow"],
  load: async () => (await later<typeof import("./jobs_logs.ts")>("./jobs_logs.ts")).jobLogs,
};

const cancel: Command = {
  name: "cancel",
  summary: "Cancel a job that waits or runs",
  args: [ID],
  examples: ["jobs cancel 6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21"],
  load: async () => (await changer()).cancelJob,
};

const retry: Command = {
  name: "retry",
  summary: "Submit a job that failed or was cancelled again, as a new one",
  args: [ID],
  examples: ["jobs retry 6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21"],
  load: async () => (await changer()).retryJob,
};

const stats: Command = {
  name: "stats",
  summary: "Count the jobs by where they stand",
  examples: ["jobs stats", "jobs stats -o json"],
  load: async () => (await reader()).showStats,
};

const schedule: Command = {
  name: "schedule",
  aliases: ["schedules"],
  summary: "Submit a job regularly",
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      summary: "List the schedules",
      examples: ["jobs schedule list"],
      load: async () => (await scheduler()).listSchedules,
    },
    {
      name: "set",
      summary: "Set or change the schedule of a job",
      args: [{ name: "NAME" }, { name: "CRON" }],
      flags: [
        NAMESPACE,
        ...PAYLOAD,
        { name: "timezone", value: "ZONE", help: "Such as Europe/Berlin (default UTC)" },
      ],
      notes: ["CRON is five fields (minute hour day month weekday), or @hourly, @daily and so on."],
      examples: [
        `jobs schedule set report "0 3 * * 1-5"`,
        `jobs schedule set report @hourly --namespace production --payload '{"full": false}'`,
      ],
      load: async () => (await scheduler()).setSchedule,
    },
    {
      name: "remove",
      aliases: ["rm", "delete"],
      summary: "Remove the schedule of a job",
      args: [{ name: "NAME" }],
      flags: [NAMESPACE],
      examples: ["jobs schedule remove report"],
      load: async () => (await scheduler()).removeSchedule,
    },
  ],
};

/** `jobs` and everything under it. */
export const jobs: Command = {
  name: "jobs",
  aliases: ["job"],
  summary: "Deploy, submit, follow and schedule background jobs",
  commands: [
    list,
    submit,
    runs,
    status,
    logs,
    cancel,
    retry,
    stats,
    schedule,
    ...codeCommands("job"),
  ],
};
