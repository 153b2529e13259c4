/**
 * What clients see while PostgreSQL is away: calls, reads and writes, second by second.
 *
 * @module
 */
import type { PostgresServer } from "./postgres_server.ts";
import type { ServerProcess } from "./server.ts";

/** What is asked, again and again. */
export type Kind = "call" | "read" | "write";

/** One answer. */
export interface Answer {
  readonly kind: Kind;
  /** Milliseconds since the outage began; negative before. */
  readonly beganAt: number;
  readonly ms: number;
  readonly status: number;
  readonly code: string;
  readonly retryAfter: string | null;
}

/** Options of {@linkcode watchOutage}. */
export interface OutageOptions {
  readonly outageMs: number;
  /** Load before and after it, ms. */
  readonly aroundMs: number;
  /** Clients that call the function. */
  readonly callers: number;
}

const PAUSE_MS: Readonly<Record<Kind, number>> = { call: 5, read: 50, write: 200 };

/** Stops the database under load, starts it again, and returns every answer. */
export async function watchOutage(
  server: ServerProcess,
  database: PostgresServer,
  options: OutageOptions,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const clock = { zero: performance.now() + options.aroundMs, over: false };
  const kinds: Kind[] = [...Array<Kind>(options.callers).fill("call"), "read", "write"];
  const clients = kinds.map(async (kind) => {
    while (!clock.over) answers.push(await askOnce(server, kind, clock.zero));
  });
  await pause(options.aroundMs);
  clock.zero = performance.now();
  await database.stop("fast");
  await pause(options.outageMs - (performance.now() - clock.zero));
  await database.start();
  await pause(options.aroundMs);
  clock.over = true;
  await Promise.all(clients);
  return answers;
}

async function askOnce(server: ServerProcess, kind: Kind, zero: number): Promise<Answer> {
  await pause(PAUSE_MS[kind]);
  const startedAt = performance.now();
  const { status, text, headers } = await ask(server, kind);
  return {
    kind,
    beganAt: startedAt - zero,
    ms: performance.now() - startedAt,
    status,
    code: /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? "",
    retryAfter: headers.get("retry-after"),
  };
}

function ask(server: ServerProcess, kind: Kind) {
  if (kind === "call") return server.call("show");
  if (kind === "read") return server.ask("GET", "/api/v1/admin/secrets/STEP");
  const json = { value: crypto.randomUUID() };
  return server.ask("PUT", "/api/v1/admin/secrets/OTHER", { json });
}

/** Answers of one kind, by status and code, with the longest wait: one line each. */
export function tableOf(answers: readonly Answer[]): string[] {
  const groups = new Map<string, { count: number; ms: number }>();
  for (const { kind, status, code, ms } of answers) {
    const key = `${kind} ${status} ${code}`.trim();
    const group = groups.get(key) ?? { count: 0, ms: 0 };
    groups.set(key, { count: group.count + 1, ms: Math.max(group.ms, ms) });
  }
  return [...groups].sort().map(([key, { count, ms }]) =>
    `${key.padEnd(32)} ${String(count).padStart(6)}  longest ${ms.toFixed(0)} ms`
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
