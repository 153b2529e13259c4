/**
 * The server: starts stage by stage, serves, and ends in order. `lib/compose/` joins the rooms.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import type { Hono } from "hono";
import { startChores } from "./lib/compose/chores.ts";
import { factsOf } from "./lib/compose/facts.ts";
import { openGround } from "./lib/compose/ground.ts";
import { openHoldings } from "./lib/compose/holdings.ts";
import { serve } from "./lib/compose/serving.ts";
import { GRACE_MS, openWork } from "./lib/compose/work.ts";
import { AppError, CATALOGUE } from "./lib/errors.ts";
import type { AppEnv } from "./lib/http/env.ts";
import { createLog, type Log } from "./lib/log.ts";
import { type Config, readConfig } from "./lib/server/config.ts";
import { LineWriter } from "./lib/server/line_writer.ts";
import { type Facts, summary } from "./lib/server/summary.ts";

/** A running server. */
export interface RunningServer {
  readonly port: number;
  /** The app that is served, for asking which routes it has and for asking it without a socket. */
  readonly app: Hono<AppEnv>;
  readonly facts: Facts;
  /** Answers what is under way, at most for `graceMs`, and ends everything. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Starts a server.
 *
 * @param env The process's environment, of which Deno's tools get what they need.
 * @throws {AppError} CONFIG_INVALID, KEY_RING_LOCKED, DATA_DIR_IN_USE or STORE_UNAVAILABLE.
 */
export async function startServer(
  config: Config,
  log: Log,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  await using opened = new AsyncDisposableStack();
  const start = { config, log, env, opened };
  const ground = await openGround(start);
  const holdings = await openHoldings(start, ground);
  const work = await openWork(start, ground, holdings);
  startChores(start, ground, holdings, work);
  const { app, url, port } = serve(start, ground, holdings, work);
  const facts = await factsOf(start, ground, holdings, work, url);
  const running = opened.move();
  return {
    port,
    app,
    facts,
    async close(graceMs = GRACE_MS): Promise<void> {
      await work.drain(graceMs);
      await running.disposeAsync();
    },
  };
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilAskedToEnd(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (asked) Deno.exit(130);
      asked = true;
      resolve();
    });
  }
  return promise;
}

/** The command line's `--role` stands for the variable of the same name. */
function withFlags(env: Record<string, string>, args: readonly string[]): Record<string, string> {
  const { role, _: rest, ...unknown } = parseArgs([...args], { string: ["role"] });
  const given = [...rest, ...Object.keys(unknown)];
  if (given.length > 0) {
    const rule = "settings are environment variables, see the README; only --role is an argument";
    throw new AppError("CONFIG_INVALID", `Unknown argument: ${given[0]}; ${rule}`);
  }
  if (role === "") throw new AppError("CONFIG_INVALID", "--role must be all, api or worker");
  return role === undefined ? env : { ...env, FLUXBASE_ROLE: String(role) };
}

function writeToStderr(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads the log any more, which is no reason to stop serving.
  }
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const lines = new LineWriter(writeToStderr);
  const env = withFlags(Deno.env.toObject(), Deno.args);
  const config = readConfig(env);
  const log = createLog({
    format: config.logFormat,
    write: lines.line,
  });
  addEventListener("unload", lines.flush);
  const asked = untilAskedToEnd();
  const server = await startServer(config, log, env);
  if (config.logFormat === "json") log.info("ready", { url: server.facts.url });
  else console.log(summary(server.facts, performance.now() - startedAt));
  await asked;
  log.info("ending");
  await server.close();
}

if (import.meta.main) {
  try {
    await main();
    Deno.exit(0);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // The other messages say themselves what to do.
    const hint = error.code === "KEY_RING_LOCKED" ? `. ${CATALOGUE[error.code].hint}` : "";
    console.error(`Error: ${error.message}${hint}`);
    Deno.exit(1);
  }
}
