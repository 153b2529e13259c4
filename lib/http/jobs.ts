/**
 * Jobs over HTTP: submitting, following, stopping and scheduling them.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import type { Job } from "../jobs/job.ts";
import type { Jobs, Request } from "../jobs/jobs.ts";
import { readJson } from "./body.ts";
import { conditionsOf } from "./conditions.ts";
import type { AppContext, AppEnv } from "./env.ts";
import {
  formatCursor,
  idOf,
  parseFilter,
  parseLines,
  parseSchedule,
  parseSubmission,
  placeOf,
  scheduleBody,
  submitBody,
} from "./job_body.ts";
import { jobJson, jobLineJson, jobStatsJson, jobSummaryJson, scheduleJson } from "./job_json.ts";
import { mountMethods } from "./methods.ts";
import { requestIdOf } from "./request_id.ts";
import { userOfCall } from "./user.ts";

type Handle = Handler<AppEnv>;

/** Serves `/api/v1/jobs`. */
export function jobRoutes(jobs: Jobs): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/submit", { POST: submit(jobs) });
  mountMethods(app, "/functions", { GET: functions(jobs) });
  mountMethods(app, "/stats", { GET: stats(jobs) });
  mountMethods(app, "/schedules", { GET: schedules(jobs) });
  mountMethods(app, "/schedules/:name", {
    PUT: setSchedule(jobs),
    DELETE: removeSchedule(jobs),
  });
  mountMethods(app, "/", { GET: list(jobs) });
  mountMethods(app, "/:id", { GET: find(jobs) });
  mountMethods(app, "/:id/logs", { GET: lines(jobs) });
  mountMethods(app, "/:id/cancel", { POST: cancel(jobs) });
  mountMethods(app, "/:id/retry", { POST: retry(jobs) });
  return app;
}

function submit(jobs: Jobs): Handle {
  return async function submitJob(c) {
    const request = requestOf(c);
    const input = parseSubmission(await readJson(c, submitBody));
    const principal = c.get("principal");
    const userId = userOfCall(c, principal);
    const { job, replayed } = await jobs.submit(principal, input, { ...request, userId });
    noteSubject(c, job);
    return created(c, job, replayed);
  };
}

function functions(jobs: Jobs): Handle {
  return async function listJobFunctions(c) {
    const principal = c.get("principal");
    const all = await jobs.functions(principal);
    const scheduled = await jobs.listSchedules(principal);
    const cronOf = (name: string, namespace: string | null) =>
      scheduled.find((each) => each.name === name && each.namespace === namespace)?.cron ?? null;
    return c.json(all.map(({ name, namespace }) => ({
      name,
      namespace,
      enabled: true,
      schedule: cronOf(name, namespace),
    })));
  };
}

function stats(jobs: Jobs): Handle {
  return async (c) => c.json(jobStatsJson(await jobs.stats(c.get("principal"))));
}

function list(jobs: Jobs): Handle {
  return async function listJobs(c) {
    const filter = parseFilter(c);
    const found = await jobs.list(c.get("principal"), filter);
    const last = found.at(-1);
    const headers = last !== undefined && found.length === filter.limit ? nextPage(c, last) : {};
    return c.json(found.map(jobSummaryJson), 200, headers);
  };
}

function find(jobs: Jobs): Handle {
  return async function findJob(c) {
    const { job, attempts } = await jobs.find(c.get("principal"), idOf(c));
    return c.json(jobJson(job, attempts));
  };
}

function lines(jobs: Jobs): Handle {
  return async function jobLines(c) {
    const found = await jobs.lines(c.get("principal"), idOf(c), parseLines(c));
    return c.json({ entries: found.map(jobLineJson), count: found.length });
  };
}

function cancel(jobs: Jobs): Handle {
  return async function cancelJob(c) {
    const job = await jobs.cancel(c.get("principal"), idOf(c));
    noteSubject(c, job);
    return c.json(jobJson(job));
  };
}

function retry(jobs: Jobs): Handle {
  return async function retryJob(c) {
    const { job, replayed } = await jobs.retry(c.get("principal"), idOf(c), requestOf(c));
    noteSubject(c, job);
    return created(c, job, replayed);
  };
}

/** For the record of what was done. */
function noteSubject(c: AppContext, { id, name, namespace }: Job): void {
  c.set("subject", { id, name, namespace });
}

function schedules(jobs: Jobs): Handle {
  return async (c) => c.json((await jobs.listSchedules(c.get("principal"))).map(scheduleJson));
}

function setSchedule(jobs: Jobs): Handle {
  return async function setJobSchedule(c) {
    const input = parseSchedule(c, await readJson(c, scheduleBody));
    return c.json(scheduleJson(await jobs.setSchedule(c.get("principal"), input)));
  };
}

function removeSchedule(jobs: Jobs): Handle {
  return async function removeJobSchedule(c) {
    await jobs.removeSchedule(c.get("principal"), placeOf(c));
    return c.json({ message: "Schedule deleted successfully" });
  };
}

function requestOf(c: AppContext): Request {
  const { idempotencyKey } = conditionsOf(c);
  return { requestId: requestIdOf(c), ...(idempotencyKey !== undefined && { idempotencyKey }) };
}

function created(c: AppContext, job: Job, replayed: boolean): Response {
  const headers: Record<string, string> = replayed ? { "idempotency-replayed": "true" } : {};
  return c.json(jobJson(job), 201, headers);
}

function nextPage(c: AppContext, last: Job): Record<string, string> {
  const cursor = formatCursor(last);
  const { pathname, searchParams } = new URL(c.req.url);
  searchParams.set("cursor", cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"`, "x-next-cursor": cursor };
}
