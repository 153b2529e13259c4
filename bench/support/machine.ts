/**
 * What the benches ran on.
 *
 * @module
 */

/** One line about the machine and the programs. */
export async function describeMachine(): Promise<string> {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(await read("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const cores = `${navigator.hardwareConcurrency} cores`;
  const { total } = Deno.systemMemoryInfo();
  const memory = `${Math.round(total / 2 ** 30)} GiB`;
  return [cpu, cores, memory, `Linux ${Deno.osRelease()}`, `Deno ${Deno.version.deno}`].join(", ");
}

/** Runnable processes on average: over 1, 5 and 15 minutes. */
export function loadAverage(): string {
  return Deno.loadavg().map((figure) => figure.toFixed(2)).join(" ");
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}
