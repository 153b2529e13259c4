/**
 * A secret is changed again and again while 16 clients call the function that reads it.
 *
 * @module
 */
import { SECRET } from "./support/handler.ts";
import { alone, atMost, type BenchOptions, type Measure } from "./support/measure.ts";
import { childMemory } from "./support/memory.ts";
import { pause } from "./support/pause.ts";
import { median } from "./support/rounds.ts";
import { type Server, startServer } from "./support/server.ts";

const CLIENTS = 16;
const CHANGES = 30;
const FEW_CALLS = 10;
/** Between a change's first answer and the next change, ms. */
const PAUSE_MS = 150;

/** What the clients saw. */
interface Seen {
  calls: number;
  dropped: number;
  stale: number;
  /** From each change's acknowledgement to the first answer with its value, ms. */
  readonly liveMs: number[];
}

/** Measures what a change costs those who call, and what an idle process costs. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const server = await startServer({ scope });
  const changes = quick ? 5 : CHANGES;
  await put(server, 0);
  for (let i = 0; i < FEW_CALLS; i++) await call(server);
  const before = await childMemory(server.process);
  const seen = await changeUnderLoad(server, changes);
  const after = await childMemory(server.process);
  const of = `of ${seen.calls} calls`;
  return [
    alone(`dropped ${of}, ${changes} changes`, "", seen.dropped, atMost(0)),
    alone(`stale ${of}, ${changes} changes`, "", seen.stale, atMost(0)),
    alone("until live, median", "ms", median(seen.liveMs)),
    alone("until live, longest", "ms", Math.max(...seen.liveMs)),
    alone("private memory, idle spare", "MB", before.spare),
    alone(`private memory, idle after ${FEW_CALLS} calls`, "MB", before.served, atMost(20)),
    alone("private memory, idle after the load", "MB", after.served, atMost(20)),
  ];
}

async function changeUnderLoad(server: Server, changes: number): Promise<Seen> {
  const seen: Seen = { calls: 0, dropped: 0, stale: 0, liveMs: [] };
  /** The newest value that was acknowledged, and how many clients wait to see it. */
  const state = { acknowledged: 0, live: Promise.withResolvers<void>(), running: true };
  async function client(): Promise<void> {
    while (state.running) {
      const atLeast = state.acknowledged;
      const value = await call(server);
      seen.calls++;
      if (value === undefined) seen.dropped++;
      else if (value < atLeast) seen.stale++;
      if (value !== undefined && value >= state.acknowledged) state.live.resolve();
    }
  }
  const clients = Array.from({ length: CLIENTS }, client);
  for (let value = 1; value <= changes; value++) {
    await pause(PAUSE_MS);
    await put(server, value);
    const acknowledgedAt = performance.now();
    state.live = Promise.withResolvers();
    state.acknowledged = value;
    await state.live.promise;
    seen.liveMs.push(performance.now() - acknowledgedAt);
  }
  await pause(PAUSE_MS);
  state.running = false;
  await Promise.all(clients);
  return seen;
}

/** Calls the function and returns the value it has, or nothing when the call failed. */
async function call({ helloUrl, headers }: Server): Promise<number | undefined> {
  try {
    const response = await fetch(helloUrl, { headers });
    const [, value] = /^Hello, (\d+)!$/.exec(await response.text()) ?? [];
    return response.status === 200 && value !== undefined ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}

async function put({ url, headers }: Server, value: number): Promise<void> {
  const response = await fetch(`${url}/api/v1/admin/secrets/${SECRET}`, {
    method: "PUT",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ value: `${value}` }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot change the secret: ${response.status} ${text}`);
}
