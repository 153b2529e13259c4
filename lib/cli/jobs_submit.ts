/**
 * `jobs submit`: submits a job, and waits for it if asked to.
 *
 * @module
 */
import { namespaceFlag, parseCodeName } from "./code_place.ts";
import { usageError } from "./failure.ts";
import type { JobInfo } from "./job_info.ts";
import { readPayload } from "./job_payload.ts";
import { reportEnd, waitForJob } from "./job_wait.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

const PERIOD = /^(\d{1,6})([smhd])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Submits a job. */
export async function submitJob(context: Context): Promise<void> {
  const name = parseCodeName(context.args.NAME!);
  const { flags } = context;
  const fields = {
    job_name: name,
    namespace: namespaceFlag(context) ?? undefined,
    priority: whole("priority", flags.text("priority")),
    max_retries: whole("retries", flags.text("retries")),
    retry_delay_seconds: whole("retry-delay", flags.text("retry-delay")),
    scheduled_at: parseWhen(flags.text("schedule"), Date.now()),
  };
  const client = await context.connect();
  const payload = await readPayload(context);
  const json = { ...fields, payload };
  const job = await client.json<JobInfo>("POST", "/api/v1/jobs/submit", { json });
  if (!flags.on("wait")) {
    if (context.settings.format !== "table") return await printData(context, job);
    const { io } = context;
    return io.out(io.quiet ? job.id : `Job submitted successfully. ID: ${job.id}`);
  }
  if (!context.io.quiet) context.io.note(`Job ${job.id} submitted.`);
  await reportEnd(context, await waitForJob(context, client, job.id));
}

function whole(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,6}$/.test(text)) return Number(text);
  throw usageError(`--${flag} must be a whole number`);
}

function parseWhen(text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  const [, amount, unit] = PERIOD.exec(text) ?? [];
  if (amount !== undefined) {
    return new Date(now + Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]).toISOString();
  }
  const time = TIME.test(text) ? new Date(text) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime())) return time.toISOString();
  throw usageError("--schedule takes 30s, 10m, 2h, 1d, or a time such as 2027-01-31T09:00:00Z");
}
