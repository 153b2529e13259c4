/**
 * How postgres.js is set up.
 *
 * @module
 */
import type { Socket } from "node:net";
import postgres from "postgres";
import { PARSERS } from "./postgres_types.ts";
import type { Target } from "./postgres_url.ts";

/** Called for each notification. */
export type OnNotify = (channel: string, payload: string) => void;

/**
 * Makes a client that speaks over `socket` only, one connection and one statement at a time.
 *
 * Every option that postgres.js would otherwise look up in the environment is given.
 */
export function makeClient(socket: Socket, target: Target, onNotify?: OnNotify): postgres.Sql {
  let handed = false;
  const settings = {
    host: target.host || "localhost",
    port: target.port,
    user: target.user,
    pass: () => target.password,
    database: target.database,
    max: 1,
    ssl: false,
    sslnegotiation: "postgres",
    idle_timeout: 0,
    connect_timeout: 0,
    max_lifetime: 0,
    max_pipeline: 1,
    backoff: () => 0,
    keep_alive: 0,
    prepare: true,
    debug: false,
    fetch_types: false,
    publications: "none",
    target_session_attrs: "read-write",
    no_subscribe: true,
    connection: { application_name: "fluxbase" },
    types: PARSERS,
    onnotice() {},
    onnotify: onNotify,
    socket() {
      if (handed) throw new Error("The connection has ended");
      handed = true;
      return socket;
    },
  };
  return postgres(settings as postgres.Options<Record<string, postgres.PostgresType>>);
}
