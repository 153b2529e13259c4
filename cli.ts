/**
 * The command line. `deno task -q cli help` tells what it does.
 *
 * @module
 */
import { processIo } from "./lib/cli/io.ts";
import { runCommandLine } from "./lib/cli/run.ts";

if (import.meta.main) {
  const place = {
    environment: (name: string) => Deno.env.get(name),
    cwd: Deno.cwd(),
    root: import.meta.dirname ?? Deno.cwd(),
  };
  // Only this sets the code: a stream that is still being written is not cut off.
  Deno.exitCode = await runCommandLine(Deno.args, processIo(), place);
}
