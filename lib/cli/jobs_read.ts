/**
 * `jobs list`, `jobs runs`, `jobs status` and `jobs stats`.
 *
 * @module
 */
import { namespaceFlag } from "./code_place.ts";
import { usageError } from "./failure.ts";
import { type AttemptInfo, findJob, type JobInfo, printable, progressText } from "./job_info.ts";
import { reportEnd, waitForJob } from "./job_wait.ts";
import { formatTable } from "./layout.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

interface JobFunction {
  readonly name: string;
  readonly namespace: string | null;
  readonly enabled: boolean;
  readonly schedule: string | null;
}

/** Lists what can be submitted. */
export async function listJobFunctions(context: Context): Promise<void> {
  const namespace = namespaceFlag(context);
  const client = await context.connect();
  const all = await client.json<JobFunction[]>("GET", "/api/v1/jobs/functions");
  const found = all.filter((each) => namespace === null || each.namespace === namespace);
  await print(context, found, {
    columns: ["NAME", "NAMESPACE", "ENABLED", "SCHEDULE"],
    rows: found.map((each) => [
      each.name,
      each.namespace ?? "-",
      each.enabled ? "yes" : "no",
      each.schedule ?? "-",
    ]),
    empty: "No jobs found.",
  });
}

/** Lists submitted jobs. */
export async function listRuns(context: Context): Promise<void> {
  const { flags } = context;
  const query = {
    job_name: flags.text("name"),
    namespace: namespaceFlag(context),
    status: flags.text("status"),
    dead: flags.on("dead") ? "true" : undefined,
    limit: limitOf(flags.text("limit")),
  };
  const client = await context.connect();
  const found = await client.json<JobInfo[]>("GET", "/api/v1/jobs", { query });
  await print(context, found, {
    columns: ["ID", "NAME", "NAMESPACE", "STATUS", "ATTEMPTS", "CREATED", "ENDED"],
    rows: found.map((job) => [
      job.id,
      job.job_name,
      job.namespace ?? "-",
      job.status,
      String(job.attempts),
      formatTime(job.created_at),
      formatTime(job.completed_at),
    ]),
    empty: "No jobs found.",
  });
}

/** Shows a job. */
export async function showJob(context: Context): Promise<void> {
  const client = await context.connect();
  const id = context.args.ID!;
  if (context.flags.on("wait")) {
    await findJob(client, id);
    return await reportEnd(context, await waitForJob(context, client, id));
  }
  const job = await findJob(client, id);
  if (context.settings.format !== "table") return await printData(context, job);
  context.io.out(formatTable(factsOf(job)));
  const attempts = job.attempt_list ?? [];
  if (attempts.length === 0) return;
  const heading = ["ATTEMPT", "OUTCOME", "STARTED", "ENDED", "WORKER", "SECRETS", "ERROR"];
  const { columns, bold: style } = context.io;
  context.io.out("");
  context.io.out(formatTable(attempts.map(attemptRow), { heading, columns, style }));
}

function factsOf(job: JobInfo): string[][] {
  const optional: [string, string | null | undefined][] = [
    ["Due:", job.status === "pending" ? job.due_at && formatTime(job.due_at) : null],
    ["Ended:", job.completed_at && formatTime(job.completed_at)],
    ["Retry of:", job.retry_of],
    ["Retried as:", job.retried_as],
    ["Payload:", job.payload],
    ["Result:", job.result],
    ["Error:", job.error],
  ];
  return [
    ["ID:", job.id],
    ["Job:", job.namespace === null ? job.job_name : `${job.namespace}/${job.job_name}`],
    ["Status:", printable(progressText(job))],
    ["Priority:", String(job.priority)],
    ["Created:", formatTime(job.created_at)],
    ...optional.flatMap(([name, text]) => text == null ? [] : [[name, text]]),
  ];
}

function attemptRow(attempt: AttemptInfo): string[] {
  const secrets = attempt.secrets?.map(({ name, version }) => `${name}@${version ?? "env"}`) ?? [];
  return [
    String(attempt.attempt),
    attempt.outcome ?? "running",
    formatTime(attempt.started_at),
    formatTime(attempt.finished_at),
    attempt.worker_id,
    secrets.join(" ") || "-",
    attempt.error ?? "-",
  ];
}

/** Counts jobs. */
export async function showStats(context: Context): Promise<void> {
  const client = await context.connect();
  const stats = await client.json<Record<string, number | null>>("GET", "/api/v1/jobs/stats");
  if (context.settings.format !== "table") return await printData(context, stats);
  const rows = Object.entries(stats).map(([name, value]) => [
    `${name.replaceAll("_", " ")}:`,
    value === null ? "-" : String(Math.round(value * 10) / 10),
  ]);
  context.io.out(formatTable(rows));
}

function limitOf(text: string | undefined): string {
  if (text === undefined) return "20";
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1_000) return text;
  throw usageError("--limit must be 1 to 1000");
}
