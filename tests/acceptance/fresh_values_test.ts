import { assert, assertEquals } from "@std/assert";
import { withDeafProxy } from "../support/deaf_proxy.ts";
import { ServerProcess, withServer } from "../support/server.ts";
import { type Site, testOnSites, withSite } from "../support/site.ts";

const CLIENTS = 16;
const CHANGES = 30;
/** For how long another server may go on with what it knows, ms. */
const BOUND_MS = 1_000;
/** Calls of every client between two changes, at least. */
const CALLS_BETWEEN = 2;

const SHOW = `export default async () => {
  const before = secrets.get("STEP");
  await Promise.resolve();
  return Response.json([before, Deno.env.get("FLUXBASE_SECRET_STEP")]);
};`;

/** A call that ended: when it began, which step was acknowledged by then, and what it saw. */
interface Seen {
  readonly beganAt: number;
  readonly known: number;
  readonly step: number;
}

/** The step that is acknowledged, and when each of them was. */
interface Progress {
  step: number;
  readonly acknowledgedAt: number[];
  over: boolean;
}

/** Calls `show` without a pause until the changes are over. */
async function client(server: ServerProcess, progress: Progress, seen: Seen[]): Promise<void> {
  while (!progress.over) {
    const [beganAt, known] = [performance.now(), progress.step];
    const { status, text } = await server.call("show");
    assertEquals(status, 200, text);
    const [helper, environment] = JSON.parse(text);
    assertEquals(helper, environment);
    seen.push({ beganAt, known, step: Number(helper.split(" ")[1]) });
  }
}

/** Changes the secret again and again, each time after all clients have called some times. */
async function change(server: ServerProcess, progress: Progress, seen: Seen[]): Promise<void> {
  for (let step = 1; step <= CHANGES; step++) {
    await server.set("STEP", `value ${step}`);
    progress.acknowledgedAt[step] = performance.now();
    progress.step = step;
    const enough = seen.length + CLIENTS * CALLS_BETWEEN;
    while (seen.length < enough && !progress.over) await server.ask("GET", "/healthz");
  }
}

/** Runs the clients of `reader` while `writer` changes the secret. */
async function callWhileChanging(reader: ServerProcess, writer: ServerProcess): Promise<{
  readonly seen: Seen[];
  readonly progress: Progress;
}> {
  const progress: Progress = { step: 0, acknowledgedAt: [0], over: false };
  const seen: Seen[] = [];
  await writer.set("STEP", "value 0");
  // What the reader's server was told before it was ever asked is no change under load.
  assertEquals((await reader.call("show")).text, `["value 0","value 0"]`);
  const clients = Array.from({ length: CLIENTS }, () => client(reader, progress, seen));
  const over = () => progress.over = true;
  await Promise.all([
    change(writer, progress, seen).finally(over),
    ...clients.map((calls) => calls.finally(over)),
  ]);
  return { seen, progress };
}

testOnSites("a changed secret is seen by every call that begins afterwards", async (site) => {
  await site.write("show.ts", SHOW);
  await withServer(site, async (server) => {
    const { seen, progress } = await callWhileChanging(server, server);
    assertEquals(progress.step, CHANGES);
    assertEquals(seen.filter(({ known, step }) => step < known), [], "stale calls");
    assert(new Set(seen.map(({ step }) => step)).size >= CHANGES, "calls went on between changes");
  });
});

/** Two servers on one database; the reader's may sit behind something. */
async function onTwoServers(
  site: Site,
  readersUrl: string,
  work: (reader: ServerProcess, writer: ServerProcess) => Promise<void>,
): Promise<void> {
  await withServer(site, async (writer) => {
    const env = {
      ...site.env,
      FLUXBASE_DATA_DIR: `${site.directory}/other`,
      DATABASE_URL: readersUrl,
    };
    await withServer({ ...site, dataDir: site.dataDir, env }, async (reader) => {
      await work(reader, writer);
    });
  });
}

/** No call that began later than the bound after an acknowledgement saw what was before it. */
function assertWithinBound(
  { seen, progress }: Awaited<ReturnType<typeof callWhileChanging>>,
): void {
  const late = seen.filter(({ beganAt, step }) => {
    const next = progress.acknowledgedAt[step + 1];
    return next !== undefined && beganAt - next > BOUND_MS;
  });
  assertEquals(late, [], "calls that saw an old value after the bound");
}

Deno.test("a change on one server is seen on another within the bound", async () => {
  await withSite("postgres", async (site) => {
    await site.write("show.ts", SHOW);
    await onTwoServers(site, site.databaseUrl!, async (reader, writer) => {
      assertWithinBound(await callWhileChanging(reader, writer));
    });
  });
});

Deno.test("the bound holds where no notification ever arrives", async () => {
  await withSite("postgres", async (site) => {
    await site.write("show.ts", SHOW);
    await withDeafProxy(site.databaseUrl!, async (proxy) => {
      await onTwoServers(site, proxy.url, async (reader, writer) => {
        const outcome = await callWhileChanging(reader, writer);
        assertWithinBound(outcome);
        assert(proxy.held >= CHANGES, "notifications were held back");
        // The last change is still found, by looking.
        const deadline = outcome.progress.acknowledgedAt[CHANGES]! + BOUND_MS;
        while (performance.now() <= deadline) await reader.call("show");
        assertEquals((await reader.call("show")).text, `["value 30","value 30"]`);
      });
    });
  });
});
