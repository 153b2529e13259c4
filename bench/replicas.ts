/**
 * A secret is set on one server and read by a function on others, 1,000 times; one of the others
 * never hears a notification.
 *
 * @module
 */
import { withDeafProxy } from "../tests/support/deaf_proxy.ts";
import { ServerProcess } from "../tests/support/server.ts";
import { type Site, withSite } from "../tests/support/site.ts";
import { alone, atMost, type BenchOptions, type Measure } from "./support/measure.ts";
import { median } from "./support/rounds.ts";

/** For how long another server may go on with what it knows, ms. */
const BOUND_MS = 1_000;
const CHANGES = 1_000;
const QUICK_CHANGES = 40;
/** Namespaces that are changed beside each other. */
const LANES = 10;

const SHOW = `export default () => new Response(secrets.get("STEP"));`;

/** What one change came to. */
interface Outcome {
  /** From the acknowledgement to the beginning of the first call that saw the new value, ms. */
  readonly liveMs: number;
  /** Calls that began later than the bound and saw the old one. */
  readonly stale: number;
}

/** Measures how long other servers go on with an old value. */
export async function run({ quick }: BenchOptions): Promise<Measure[]> {
  const changes = quick ? QUICK_CHANGES : CHANGES;
  const heard: Outcome[] = [];
  const deaf: Outcome[] = [];
  await withSite("postgres", async (site) => {
    const lanes = Array.from({ length: LANES }, (_, lane) => `lane${lane}`);
    for (const lane of lanes) await site.write(`@${lane}/show.ts`, SHOW);
    await withDeafProxy(site.databaseUrl!, async (proxy) => {
      const writer = await ServerProcess.start(site);
      const hearing = await startReader(site, "hearing", site.databaseUrl!);
      const silent = await startReader(site, "silent", proxy.url);
      try {
        await Promise.all(
          lanes.map((lane) =>
            changeLane(
              writer,
              lane,
              changes / LANES,
              (step) =>
                step % 2 === 0
                  ? { reader: hearing, outcomes: heard }
                  : { reader: silent, outcomes: deaf },
            )
          ),
        );
      } finally {
        await Promise.all([writer, hearing, silent].map((server) => server.end()));
      }
    });
  });
  const all = [...heard, ...deaf];
  const stale = all.reduce((sum, outcome) => sum + outcome.stale, 0);
  return [
    alone(`stale after ${BOUND_MS} ms, ${all.length} changes`, "", stale, atMost(0)),
    alone("until seen, notified, median", "ms", median(heard.map(({ liveMs }) => liveMs))),
    alone("until seen, notified, longest", "ms", Math.max(...heard.map(({ liveMs }) => liveMs))),
    alone("until seen, not notified, median", "ms", median(deaf.map(({ liveMs }) => liveMs))),
    alone(
      "until seen, not notified, longest",
      "ms",
      Math.max(...deaf.map(({ liveMs }) => liveMs)),
      atMost(BOUND_MS),
    ),
  ];
}

function startReader(site: Site, name: string, databaseUrl: string): Promise<ServerProcess> {
  const dataDir = `${site.directory}/${name}`;
  const env = { ...site.env, FLUXBASE_DATA_DIR: dataDir, DATABASE_URL: databaseUrl };
  return ServerProcess.start({ ...site, env });
}

async function changeLane(
  writer: ServerProcess,
  lane: string,
  changes: number,
  choose: (step: number) => { reader: ServerProcess; outcomes: Outcome[] },
): Promise<void> {
  const body = { name: "STEP", value: "step 0", scope: "namespace", namespace: lane };
  await writer.ask("POST", "/api/v1/admin/secrets", { json: body });
  for (let step = 1; step <= changes; step++) {
    const { reader, outcomes } = choose(step);
    // What it holds is as new as can be when the change comes.
    await reader.call(`show?namespace=${lane}`, { key: writer.adminKey });
    await writer.ask("PUT", `/api/v1/admin/secrets/STEP?namespace=${lane}`, {
      json: { value: `step ${step}` },
    });
    outcomes.push(await untilSeen(reader, writer.adminKey, lane, step));
  }
}

async function untilSeen(
  reader: ServerProcess,
  key: string,
  lane: string,
  step: number,
): Promise<Outcome> {
  const acknowledgedAt = performance.now();
  let stale = 0;
  while (true) {
    const beganAt = performance.now();
    const { text } = await reader.call(`show?namespace=${lane}`, { key });
    if (text === `step ${step}`) return { liveMs: beganAt - acknowledgedAt, stale };
    if (beganAt - acknowledgedAt > BOUND_MS) stale++;
  }
}
