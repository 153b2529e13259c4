/** Jobs over HTTP: shapes, rules and pages. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import type { AppEnv } from "../../lib/http/env.ts";
import { jobRoutes } from "../../lib/http/jobs.ts";
import { errorHandler } from "../../lib/http/problem.ts";
import { createLog } from "../../lib/log.ts";
import { type JobWorld, withJobs } from "../support/job_world.ts";
import { admin, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const CODE = { note: "export default (p) => p", "note@prod": "export default (p) => p" };

type Ask = (
  method: string,
  path: string,
  json?: unknown,
  headers?: Record<string, string>,
) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;

function askOf(jobs: JobWorld): Ask {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(async (c, next) => {
    c.set("principal", admin);
    await next();
  });
  app.onError(errorHandler(createLog({ write: () => {} })));
  app.route("/api/v1/jobs", jobRoutes(jobs.room.jobs));
  return async (method, path, json, headers = {}) => {
    const body = json === undefined ? {} : {
      body: JSON.stringify(json),
      headers: { "content-type": "application/json", ...headers },
    };
    const response = await app.request(`/api/v1/jobs${path}`, { method, headers, ...body });
    return {
      status: response.status,
      body: await response.json(),
      headers: response.headers,
    };
  };
}

test("a submitted job has the shape that upstream's clients read", (world) =>
  withJobs(world, { code: CODE, work: false }, async (jobs) => {
    const ask = askOf(jobs);
    const sent = { job_name: "note", namespace: "prod", payload: { a: [1] }, priority: 7 };
    const { status, body } = await ask("POST", "/submit", sent);
    assertEquals(status, 201);
    const { id, job_name, namespace, payload, priority, result, progress } = body;
    assertEquals([job_name, namespace, payload, priority], ["note", "prod", '{"a":[1]}', 7]);
    assertEquals([body.status, result, progress, body.created_by], [
      "pending",
      null,
      null,
      admin.id,
    ]);
    const found = await ask("GET", `/${id}`);
    assertEquals([found.status, found.body.payload, found.body.attempt_list], [200, payload, []]);
    assertEquals((await ask("GET", `/${id}/logs`)).body, { entries: [], count: 0 });
    assertEquals((await ask("POST", `/${id}/cancel`)).body.status, "cancelled");
    const retried = await ask("POST", `/${id}/retry`);
    assertEquals([retried.status, retried.body.retry_of], [201, id]);
    const stats = (await ask("GET", "/stats")).body;
    assertEquals([stats.total, stats.pending, stats.cancelled], [2, 1, 1]);
  }));

test("what can't be is refused with its rule", (world) =>
  withJobs(world, { code: CODE, work: false }, async (jobs) => {
    const ask = askOf(jobs);
    const submit = (json: unknown) => ask("POST", "/submit", json);
    const note = { job_name: "note" };
    const cases: [Promise<{ status: number; body: Record<string, unknown> }>, number, string][] = [
      [submit({}), 400, "job_name is required"],
      [submit([]), 400, "must be a JSON object"],
      [submit({ job_name: 7 }), 400, "job_name must be a string"],
      [submit({ job_name: "../x" }), 400, "job_name must be"],
      [submit({ job_name: "missing" }), 404, "Job function not found"],
      [submit({ ...note, namespace: "a b" }), 400, "amespace"],
      [submit({ ...note, priority: 1.5 }), 400, "priority must be a whole number"],
      [submit({ ...note, max_retries: 21 }), 400, "retries must be"],
      [submit({ ...note, scheduled_at: "tomorrow" }), 400, "RFC 3339"],
      [submit({ ...note, scheduled_at: "2999-01-01T00:00:00Z" }), 400, "within a year"],
      [submit({ ...note, on_behalf_of: { user_id: "1" } }), 400, "on_behalf_of"],
      [submit({ ...note, payload: "x".repeat(600_000) }), 413, "payload must be at most"],
      [ask("GET", "/7"), 400, "Invalid job ID"],
      [ask("GET", `/${crypto.randomUUID()}`), 404, "Job not found"],
      [ask("POST", `/${crypto.randomUUID()}/cancel`), 404, "Job not found"],
      [ask("GET", "/?status=gone"), 400, "status must be one of"],
      [ask("GET", "/?limit=0"), 400, "limit must be"],
      [ask("GET", "/?cursor=x"), 400, "cursor must come"],
      [ask("PUT", "/schedules/note", {}), 400, "cron is required"],
      [ask("DELETE", "/schedules/note"), 404, "Schedule not found"],
      [ask("PATCH", "/stats"), 405, "Method not allowed"],
    ];
    for (const [answer, status, text] of cases) {
      const { status: got, body } = await answer;
      assertStringIncludes(String(body.error), text);
      assertEquals(got, status, text);
    }
  }));

test("lists come in pages, newest first, and a repeated submission is answered as before", (world) =>
  withJobs(world, { code: CODE, work: false }, async (jobs) => {
    const ask = askOf(jobs);
    const ids: unknown[] = [];
    for (let n = 0; n < 5; n++) {
      const key = { "idempotency-key": `k${n}` };
      const first = await ask("POST", "/submit", { job_name: "note", payload: n }, key);
      const again = await ask("POST", "/submit", { job_name: "note", payload: n }, key);
      assertEquals(again.body.id, first.body.id);
      assertEquals(again.headers.get("idempotency-replayed"), "true");
      ids.unshift(first.body.id);
    }
    const seen: unknown[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await ask("GET", `/?limit=2&job_name=note${query}`);
      seen.push(...(page.body as unknown as { id: unknown }[]).map(({ id }) => id));
      cursor = page.headers.get("x-next-cursor");
    }
    assertEquals(seen, ids);
    const prod = await ask("GET", "/?namespace=prod");
    assertEquals(prod.body as unknown, []);
  }));
