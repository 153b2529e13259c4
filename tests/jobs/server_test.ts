/** Jobs of whole servers: the guide's sample from a file, by the command line, and roles. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess, withServer } from "../support/server.ts";
import { type Site, testOnSites, withSite } from "../support/site.ts";
import { until } from "../support/until.ts";

const GUIDE = `
export default async function handler(payload: unknown): Promise<void> {
  const apiKey = Deno.env.get("FLUXBASE_SECRET_EXTERNAL_API_KEY");
  const dbUrl = Deno.env.get("FLUXBASE_SECRET_ANALYTICS_DB");
  // Sync data to external service
  await syncToExternalService(apiKey, payload);
}
async function syncToExternalService(apiKey: string | undefined, payload: unknown) {
  console.log("synced with", apiKey, JSON.stringify(payload));
}`;
const SLOW =
  `export default async (_: unknown, job: { signal: AbortSignal; progress(n: number): void }) => {
  job.progress(50);
  console.log("begun");
  await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
}`;
const SUM = `export default ({ a, b }: { a: number; b: number }) => {
  if (a < 0) throw new Error("a is negative");
  return { sum: a + b, namespace: Deno.env.get("FLUXBASE_JOB_NAMESPACE") ?? null };
}`;

async function writeJobs(site: Site, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = `${site.directory}/jobs/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
}

testOnSites("the guide's job runs as printed, typed at the command line", async (site) => {
  await writeJobs(site, { "sync.ts": GUIDE, "sum.ts": SUM, "@prod/sum.ts": SUM, "slow.ts": SLOW });
  await withServer(site, async (server) => {
    await server.set("EXTERNAL_API_KEY", "ext-key-123456");
    const good = async (...words: string[]) => {
      const { code, out, err } = await server.cli(words);
      assertEquals(code, 0, `${words.join(" ")}: ${err}`);
      return out.trim();
    };
    const list = await good("jobs", "list");
    assertEquals(list.split("\n").map((line) => line.split(/\s+/).slice(0, 2).join(" ")), [
      "NAME NAMESPACE",
      "slow -",
      "sum -",
      "sync -",
      "sum prod",
    ]);
    const done = await server.cli([
      "jobs",
      "submit",
      "sync",
      "--payload",
      '{"id":7}',
      "--wait",
      "-o",
      "json",
    ]);
    const job = JSON.parse(done.out);
    assertEquals([done.code, job.status, job.payload], [0, "completed", '{"id":7}'], done.err);
    assertEquals(job.secrets, [{ name: "EXTERNAL_API_KEY", scope: "global", version: 1 }]);
    await until("its line", async () => (await good("jobs", "logs", job.id)) !== "");
    assertStringIncludes(await good("jobs", "logs", job.id), 'synced with *** {"id":7}');
    assertStringIncludes(await good("jobs", "status", job.id), "EXTERNAL_API_KEY@1");

    const sum = await server.cli(
      ["jobs", "submit", "sum", "--namespace", "prod", "--file", "-", "--wait"],
      '{"a":1,"b":2}',
    );
    assertEquals([sum.code, sum.out.trim()], [0, '{"sum":3,"namespace":"prod"}'], sum.err);
    const failed = await server.cli(
      ["jobs", "submit", "sum", "--payload", '{"a":-1}', "--retries", "0", "--wait"],
    );
    assertEquals(failed.code, 1);
    assertStringIncludes(failed.err, "The job failed after 1 attempt: a is negative");
    const dead = JSON.parse(await good("jobs", "runs", "--dead", "-o", "json"));
    assertEquals(dead.length, 1);
    const retried = await good("jobs", "retry", dead[0].id);
    const [, newId] = /New ID: (\S+)/.exec(retried)!;
    assertEquals((await server.cli(["jobs", "status", newId!, "--wait"])).code, 1);

    const submitted = await good("jobs", "submit", "slow");
    const [, slow] = /ID: (\S+)/.exec(submitted)!;
    await until("its progress", async () => (await good("jobs", "status", slow!)).includes("50 %"));
    assertStringIncludes(await good("jobs", "cancel", slow!), "cancelled");
    assertEquals((await server.cli(["jobs", "status", slow!, "--wait"])).code, 5);
    assertEquals((await server.cli(["jobs", "cancel", slow!])).code, 5);

    const later = await good("jobs", "submit", "sync", "--schedule", "10m", "--priority", "5");
    const waits = await good("jobs", "status", /ID: (\S+)/.exec(later)![1]!);
    assertStringIncludes(waits, "pending");
    const stats = JSON.parse(await good("jobs", "stats", "-o", "json"));
    assertEquals([stats.pending, stats.scheduled, stats.dead, stats.cancelled], [1, 1, 1, 1]);

    const wrong: [string[], number, string][] = [
      [["jobs", "submit", "missing"], 4, "Job function not found"],
      [["jobs", "submit", "sum", "--namespace", "dev"], 4, "Job function not found"],
      [["jobs", "submit", "sync", "--payload", "{"], 2, "The payload is not JSON"],
      [["jobs", "submit", "sync", "--priority", "2000"], 2, "priority must be"],
      [["jobs", "status", crypto.randomUUID()], 4, "Job not found"],
      [["jobs", "status", "7"], 2, "ID must be"],
      [["jobs", "runs", "--status", "gone"], 2, "status must be one of"],
      [["jobs", "schedule", "set", "sync", "* *"], 2, "cron must have five fields"],
      [["jobs", "schedule", "remove", "sync"], 4, "Schedule not found"],
    ];
    for (const [words, code, text] of wrong) {
      const result = await server.cli(words);
      assertEquals(result.code, code, `${words.join(" ")}: ${result.err}`);
      assertStringIncludes(result.err, text);
    }
    await good("jobs", "schedule", "set", "sync", "0 3 * * 1-5", "--timezone", "Europe/Berlin");
    assertStringIncludes(await good("jobs", "schedule", "list"), "Europe/Berlin");
    assertStringIncludes(await good("jobs", "list"), "0 3 * * 1-5");
    await good("jobs", "schedule", "remove", "sync");
  });
});

Deno.test("the examples are jobs, and run as their page says", () =>
  withSite("embedded", async (site) => {
    const examples = new URL("../../examples/jobs/", import.meta.url);
    for (const name of ["sync.ts", "report.ts"]) {
      await writeJobs(site, { [name]: await Deno.readTextFile(new URL(name, examples)) });
    }
    await withServer(site, async (server) => {
      const words = ["jobs", "submit", "report", "--payload", '{"days": 3}', "--wait"];
      const { code, out, err } = await server.cli(words);
      assertEquals([code, out.trim()], [0, '{"days":3,"rows":60}'], err);
      assertStringIncludes((await server.cli(["jobs", "list"])).out, "sync");
    });
  }));

Deno.test("an api runs no jobs, and a worker serves nothing but its health", () =>
  withSite("postgres", async (site) => {
    await writeJobs(site, { "sum.ts": SUM });
    const as = (role: string) => ServerProcess.start(site, { env: { FLUXBASE_ROLE: role } });
    const api = await as("api");
    try {
      const body = { json: { job_name: "sum", payload: { a: 1, b: 1 } } };
      const { id } = JSON.parse((await api.ask("POST", "/api/v1/jobs/submit", body)).text);
      const status = async () =>
        JSON.parse((await api.ask("GET", `/api/v1/jobs/${id}`)).text).status as string;
      assertEquals(await status(), "pending");
      const worker = await as("worker");
      try {
        await until("the worker takes the job", async () => await status() === "completed");
        const ready = await worker.ask("GET", "/readyz", { key: null });
        assertEquals(JSON.parse(ready.text).checks, {
          database: "ok",
          key_ring: "ok",
          queue: "ok",
        });
        for (const path of ["/api/v1/jobs", "/api/v1/secrets", "/api/v1/functions"]) {
          assertEquals((await worker.ask("GET", path)).status, 404, path);
        }
      } finally {
        assertEquals((await worker.end()).code, 0);
      }
    } finally {
      await api.end();
    }
  }));

Deno.test("a job reads the settings of the system and of the user it was submitted for", () =>
  withSite("postgres", async (site) => {
    const code = `const early = secrets.getUser("plan") ?? "none";
    export default () => {
      console.log(early, Deno.env.get("FLUXBASE_USER_PLAN"));
      const variables = ["USER_PLAN", "SETTING_REGION"].map((name) =>
        Deno.env.get("FLUXBASE_" + name)?.length ?? null);
      return {
        plan: secrets.get("plan")?.length ?? null,
        region: secrets.get("region")?.length,
        variables,
      };
    }`;
    await writeJobs(site, { "settings.ts": code });
    await withServer(site, async (server) => {
      const user = { "x-fluxbase-user": crypto.randomUUID() };
      const put = async (path: string, key: string, value: string, headers = {}) => {
        const { status, text } = await server.ask("POST", path, { json: { key, value }, headers });
        assertEquals(status, 201, text);
      };
      await put("/api/v1/admin/settings/custom/secret", "region", "the-system-region");
      await put("/api/v1/settings/secret", "plan", "the-user-plan", user);
      const run = async (headers: Record<string, string>) => {
        const ask = { json: { job_name: "settings" }, headers };
        const { id } = JSON.parse((await server.ask("POST", "/api/v1/jobs/submit", ask)).text);
        return await until("its end", async () => {
          const job = JSON.parse((await server.ask("GET", `/api/v1/jobs/${id}`)).text);
          return job.status === "completed" && job;
        });
      };
      const own = await run(user);
      assertEquals(JSON.parse(own.result), { plan: 13, region: 17, variables: [13, 17] });
      const sources = own.secrets.map(({ scope, name }: Record<string, string>) =>
        `${scope} ${name}`
      );
      assertEquals(sources, ["user PLAN", "system REGION"]);
      const logs = await until("its line", async () => {
        const { text } = await server.ask("GET", `/api/v1/jobs/${own.id}/logs`);
        return JSON.parse(text).count === 1 && text;
      });
      assert(!logs.includes("the-user-plan"), logs);
      const nobodys = { plan: null, region: 17, variables: [null, 17] };
      assertEquals(JSON.parse((await run({})).result), nobodys);
    });
  }));

Deno.test("a role of its own needs a shared database", () =>
  withSite("embedded", async (site) => {
    const server = await ServerProcess.spawn(site, { env: { FLUXBASE_ROLE: "worker" } });
    const { code, err } = await server.ended();
    assertEquals(code, 1);
    assert(err.includes("FLUXBASE_ROLE can be worker only with DATABASE_URL set"), err);
  }));

const COUNTED = `export default async ({ n }: { n: number }) => {
  await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
  if (n % 50 === 49) throw new Error("never");
  return n;
}`;

Deno.test("workers are killed one after another, and every job is done once", () =>
  withSite("postgres", async (site) => {
    const total = 200;
    await writeJobs(site, { "counted.ts": COUNTED });
    const worker = () => ServerProcess.start(site, { env: { FLUXBASE_ROLE: "worker" } });
    const api = await ServerProcess.start(site, { env: { FLUXBASE_ROLE: "api" } });
    const workers = await Promise.all([worker(), worker(), worker()]);
    try {
      for (let n = 0; n < total; n++) {
        const json = {
          job_name: "counted",
          payload: { n },
          max_retries: 1,
          retry_delay_seconds: 0,
        };
        assertEquals((await api.ask("POST", "/api/v1/jobs/submit", { json })).status, 201);
      }
      const stats = async () => {
        // Looked at less often, so that the machine is left to the workers.
        await new Promise((resolve) => setTimeout(resolve, 200));
        const { text } = await api.ask("GET", "/api/v1/jobs/stats");
        return JSON.parse(text) as Record<string, number>;
      };
      for (let turn = 0; turn < 3; turn++) {
        const goal = (turn + 1) * 40;
        await until(`${goal} are done`, async () => (await stats()).completed! >= goal);
        await workers[turn]!.end("SIGKILL");
        workers[turn] = await worker();
      }
      await until("all are done", async () => {
        const { pending, running } = await stats();
        return pending === 0 && running === 0;
      });
      const { completed, dead } = await stats();
      assertEquals([completed, dead], [total - total / 50, total / 50]);
      await assertDoneOnce(api, total);
    } finally {
      await Promise.all([api, ...workers].map((each) => each.end()));
    }
  }));

/** Every job has one attempt that ended it well, or none and a dead letter. */
async function assertDoneOnce(api: ServerProcess, total: number): Promise<void> {
  const all = JSON.parse((await api.ask("GET", `/api/v1/jobs?limit=${total}`)).text);
  assertEquals(all.length, total);
  const outcomes: Record<string, number> = {};
  for (const { id } of all) {
    const job = JSON.parse((await api.ask("GET", `/api/v1/jobs/${id}`)).text);
    const { n } = JSON.parse(job.payload);
    const ends: string[] = job.attempt_list.map(({ outcome }: { outcome: string }) => outcome);
    for (const end of ends) outcomes[end] = (outcomes[end] ?? 0) + 1;
    const well = ends.filter((end) => end === "completed").length;
    if (n % 50 === 49) {
      assertEquals([job.status, job.dead, well], ["failed", true, 0]);
      assertEquals(ends.filter((end) => end === "failed").length, 2, ends.join());
    } else {
      assertEquals([job.status, job.result, well], ["completed", String(n), 1], ends.join());
    }
  }
  assert(outcomes["lost"]! > 0, `no attempt was lost: ${JSON.stringify(outcomes)}`);
}
