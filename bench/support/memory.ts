/**
 * The memory of functions' processes.
 *
 * @module
 */
import { Process } from "./process.ts";

const BOOTSTRAP = /\/guest\/bootstrap\.mjs\0/;

/**
 * Private memory of the oldest process that serves a function, and of the newest, which is a spare,
 * in MB: what would be free again without it.
 */
export async function childMemory(server: Process): Promise<{ served: number; spare: number }> {
  const children: number[] = [];
  for (const pid of await server.descendants()) {
    const words = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    if (BOOTSTRAP.test(words)) children.push(pid);
  }
  children.sort((a, b) => a - b);
  return { served: await privateMb(children[0]!), spare: await privateMb(children.at(-1)!) };
}

/** The sum of a process's private pages, in MB. */
async function privateMb(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const pages = text.matchAll(/^Private_(?:Clean|Dirty|Hugetlb):\s+(\d+) kB$/gm);
  return pages.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) * 1024 / 1e6;
}
