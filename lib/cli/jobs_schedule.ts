/**
 * `jobs schedule set`, `list` and `remove`.
 *
 * @module
 */
import { namespaceFlag, parseCodeName } from "./code_place.ts";
import { readPayload } from "./job_payload.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

interface ScheduleInfo {
  readonly job_name: string;
  readonly namespace: string | null;
  readonly cron: string;
  readonly timezone: string;
  readonly next_at: string | null;
}

const PATH = "/api/v1/jobs/schedules";

/** Sets or changes the schedule of a job. */
export async function setSchedule(context: Context): Promise<void> {
  const name = parseCodeName(context.args.NAME!);
  const query = { namespace: namespaceFlag(context) };
  const client = await context.connect();
  const payload = await readPayload(context);
  const json = { cron: context.args.CRON!, timezone: context.flags.text("timezone"), payload };
  const schedule = await client.json<ScheduleInfo>("PUT", `${PATH}/${name}`, { query, json });
  if (context.settings.format !== "table") return await printData(context, schedule);
  context.io.tell(`Schedule of '${name}' set. Next: ${formatTime(schedule.next_at)}`);
}

/** Lists the schedules. */
export async function listSchedules(context: Context): Promise<void> {
  const client = await context.connect();
  const all = await client.json<ScheduleInfo[]>("GET", PATH);
  await print(context, all, {
    columns: ["NAME", "NAMESPACE", "CRON", "TIMEZONE", "NEXT"],
    rows: all.map((each) => [
      each.job_name,
      each.namespace ?? "-",
      each.cron,
      each.timezone,
      formatTime(each.next_at),
    ]),
    empty: "No schedules found.",
  });
}

/** Removes the schedule of a job. */
export async function removeSchedule(context: Context): Promise<void> {
  const name = parseCodeName(context.args.NAME!);
  const query = { namespace: namespaceFlag(context) };
  const client = await context.connect();
  await client.json("DELETE", `${PATH}/${name}`, { query });
  context.io.tell(`Schedule of '${name}' removed.`);
}
