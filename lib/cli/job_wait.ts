/**
 * Waits for the end of a job, with a line that tells how far it has come.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { CliError } from "./failure.ts";
import { findJob, hasEnded, type JobInfo, printable, progressText } from "./job_info.ts";
import { undoneBySignal } from "./interrupt.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Waits until a job has ended. Looks often at first, and less often at what takes long. */
export async function waitForJob(context: Context, client: Client, id: string): Promise<JobInfo> {
  const { io } = context;
  const end = () => {
    io.status("");
    if (!io.quiet) io.note(`The job goes on. See it with: jobs status ${id}`);
  };
  return await undoneBySignal(end, async () => {
    let pause = FIRST_PAUSE_MS;
    try {
      while (true) {
        const job = await findJob(client, id);
        if (hasEnded(job)) return job;
        io.status(printable(progressText(job)));
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 1.2, LONGEST_PAUSE_MS);
      }
    } finally {
      io.status("");
    }
  });
}

/**
 * Prints what came of a job.
 *
 * @throws {CliError} Exit 1 when it failed, exit 5 when it was cancelled.
 */
export async function reportEnd(context: Context, job: JobInfo): Promise<void> {
  if (context.settings.format !== "table") await printData(context, job);
  else if (job.result != null) context.io.out(job.result);
  if (job.status === "failed") {
    const attempts = job.attempts === 1 ? "1 attempt" : `${job.attempts} attempts`;
    throw new CliError(
      1,
      `The job failed after ${attempts}: ${printable(job.error ?? "unknown")}`,
      {
        hint: `See what it printed with: jobs logs ${job.id}`,
      },
    );
  }
  if (job.status === "cancelled") throw new CliError(5, "The job was cancelled");
  if (!context.io.quiet) context.io.note(`Job ${job.id} completed.`);
}
