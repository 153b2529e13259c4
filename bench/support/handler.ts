/**
 * The handler that all contenders run, and bare servers around it.
 *
 * @module
 */
import { join } from "node:path";

/** The secret's name. */
export const SECRET = "GREETING";
/** The secret's value. */
export const VALUE = "good morning from a secret";

/** As a function of this product. */
export const FUNCTION = `export default function handler(_request) {
  return new Response("Hello, " + secrets.get("${SECRET}") + "!");
}
`;

/** As a Worker of `workerd`, with the value as a text binding. */
export const WORKER = `export default {
  fetch(_request, env) {
    return new Response("Hello, " + env.${SECRET} + "!");
  },
};
`;

/** As a bare `Deno.serve`, on the address given as its argument; it prints where it listens. */
const BARE = `globalThis.secrets = new Map([["${SECRET}", Deno.env.get("${SECRET}")]]);
${FUNCTION}
const address = Deno.args[0] === undefined ? { hostname: "127.0.0.1", port: 0 } : { path: Deno.args[0] };
Deno.serve({ ...address, onListen: ({ port }) => console.log("listening " + (port ?? 0) + ".") }, handler);
`;

/** What a server prints when it accepts connections; the group is its port. */
export const LISTENING = /listening (\d+)\./;

/** Writes the bare server into `directory` and returns its path. */
export async function writeBare(directory: string): Promise<string> {
  const path = join(directory, "bare.mjs");
  await Deno.writeTextFile(path, BARE);
  return path;
}

/** The arguments of `deno` that run the bare server. */
export function bareArguments(path: string, socket?: string): string[] {
  const files = socket === undefined ? [] : [`--allow-read=${socket}`, `--allow-write=${socket}`];
  const args = socket === undefined ? [] : [socket];
  return ["run", "--allow-net", `--allow-env=${SECRET}`, ...files, path, ...args];
}
