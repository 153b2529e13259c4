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
  /** Acknowledged writes. */
  readonly writes: number;
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
  let writes = 0;
  for (let round = 0; round < rounds; round++) {
    const { lines, err } = await run(site, "run", Math.random() * spreadMs);
    assert(lines.includes("open"), `round ${round}: ${lines.join("\n")}\n${err}`);
    assertEquals(lines.filter((line) => line.startsWith("trouble")), [], `round ${round}`);
    compare(lines, acknowledged);
    const now = lines.findLast((line) => line.startsWith("now "))?.slice(4) ?? "nothing";
    during[now] = (during[now] ?? 0) + 1;
    writes += lines.filter((line) => line.startsWith("ok ")).length;
    onRound(round + 1);
  }
  const { lines, code, err } = await run(site, "finish");
  assertEquals(code, 0, err);
  compare(lines, acknowledged);
  const end = lines.find((line) => line.startsWith("end "));
  // Answers and tokens go by themselves; here there are neither.
  assertEquals(end, "end 0 old keys left, problems: none");
  return { kills: rounds, during, writes, versions: Math.max(...acknowledged.values()) };
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
  const { code } = await process.status;
  return { lines, code, err: await err };
}
