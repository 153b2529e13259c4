/**
 * Kills a {@link rotation_process} again and again, and looks whether anything was lost.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { RotationSite } from "./rotation_process.ts";

const PROCESS = new URL("./rotation_process.ts", import.meta.url).href;

/** What a process said. */
interface Said {
  readonly lines: readonly string[];
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly err: string;
}

/** How a process is killed. */
export interface KillOptions {
  readonly rounds: number;
  /** How long after it has read everything it is killed at the latest, ms. */
  readonly spreadMs: number;
  /** Told how often it was killed. */
  readonly onRound?: (kills: number) => void;
}

/** What came of it. */
export interface KillReport {
  readonly kills: number;
  /** What was under way when it was killed, and how often. */
  readonly during: Readonly<Record<string, number>>;
  /** Rotations of each kind that came to their end between two kills. */
  readonly ended: Readonly<Record<string, number>>;
  /** Acknowledged writes. */
  readonly writes: number;
  /** Values, of every version, that were opened again and were the ones written. */
  readonly readBack: number;
  /** The highest version of a secret in the end. */
  readonly versions: number;
}

/**
 * Kills a process `rounds` times at random moments up to `spreadMs` after it has read everything,
 * and then lets one end what was begun.
 */
export async function killRotations(
  site: RotationSite,
  { rounds, spreadMs, onRound = () => {} }: KillOptions,
): Promise<KillReport> {
  const acknowledged = new Map<string, number>();
  const during: Record<string, number> = {};
  const ended: Record<string, number> = {};
  let writes = 0;
  let readBack = 0;
  const count = (lines: readonly string[]) => {
    for (const [verb, what, version] of lines.map((line) => line.split(" "))) {
      if (verb === "ended") add(ended, what!);
      if (verb === "has") readBack += Number(version);
      if (verb === "ok") writes++;
    }
  };
  for (let round = 0; round < rounds; round++) {
    const { lines, signal, err } = await run(site, "run", Math.random() * spreadMs);
    assert(lines.includes("open"), `round ${round}: ${lines.join("\n")}\n${err}`);
    // One that gave up by itself was not killed.
    assertEquals(signal, "SIGKILL", `round ${round}: ${err}`);
    assertEquals(lines.filter((line) => line.startsWith("trouble")), [], `round ${round}`);
    compare(lines, acknowledged);
    const now = lines.findLast((line) => line.startsWith("now "))?.slice(4) ?? "nothing";
    add(during, now);
    count(lines);
    onRound(round + 1);
  }
  const { lines, code, err } = await run(site, "finish");
  assertEquals(code, 0, err);
  compare(lines, acknowledged);
  count(lines);
  const end = lines.find((line) => line.startsWith("end "));
  // Answers and tokens go by themselves; here there are neither.
  assertEquals(end, "end 0 old keys left, problems: none");
  const versions = Math.max(...acknowledged.values());
  return { kills: rounds, during, ended, writes, readBack, versions };
}

function add(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

/** What was found must be what was acknowledged before, or newer; then it is brought up to date. */
function compare(lines: readonly string[], acknowledged: Map<string, number>): void {
  const found = new Map<string, number>();
  for (const [verb, name, version] of lines.map((line) => line.split(" "))) {
    if (verb === "has") found.set(name!, Number(version));
    if (verb === "ok") acknowledged.set(name!, Number(version));
    if (verb === "open") {
      for (const [known, least] of acknowledged) {
        assert((found.get(known) ?? 0) >= least, `${known} is at ${found.get(known)}`);
      }
      for (const [known, at] of found) acknowledged.set(known, at);
    }
  }
}

async function run(site: RotationSite, mode: string, killAfterMs?: number): Promise<Said> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", PROCESS, mode, JSON.stringify(site)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const err = new Response(process.stderr).text();
  const lines: string[] = [];
  let rest = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    if (killAfterMs !== undefined && timer === undefined && parts.includes("open")) {
      timer = setTimeout(() => process.kill("SIGKILL"), killAfterMs);
    }
  }
  clearTimeout(timer);
  const { code, signal } = await process.status;
  return { lines, code, signal, err: await err };
}
