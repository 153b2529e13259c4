/**
 * `jobs cancel` and `jobs retry`.
 *
 * @module
 */
import { type JobInfo, jobPath } from "./job_info.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

/** Cancels a job. */
export async function cancelJob(context: Context): Promise<void> {
  const job = await post(context, "cancel");
  if (context.settings.format !== "table") return await printData(context, job);
  context.io.tell(`Job ${job.id} cancelled.`);
}

/** Submits a job again. */
export async function retryJob(context: Context): Promise<void> {
  const job = await post(context, "retry");
  if (context.settings.format !== "table") return await printData(context, job);
  context.io.out(context.io.quiet ? job.id : `Job retry submitted. New ID: ${job.id}`);
}

async function post(context: Context, what: "cancel" | "retry"): Promise<JobInfo> {
  const path = `${jobPath(context.args.ID!)}/${what}`;
  const client = await context.connect();
  return await client.json<JobInfo>("POST", path);
}
