/**
 * The port to the bundler's process.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { runTool, type ToolOptions, unavailable } from "./deno_tool.ts";

const Message = z.object({ text: z.string(), file: z.string().nullable() });
const Output = z.object({
  success: z.boolean(),
  errors: z.array(Message),
  warnings: z.array(Message),
  code: z.string(),
  map: z.string(),
});
const Locations = z.object({ npmCache: z.string() });

/** What the bundler's process printed. */
export type BundlerOutput = z.infer<typeof Output>;

/** How the bundler's process is started. */
export interface BundlerRun extends ToolOptions {
  /** What it may read, absolute and real; the sources lie in its `src`. */
  readonly folder: string;
  /** Flags about configuration and resolution. */
  readonly flags: readonly string[];
  /** Deno's cache of npm packages, which it may read as well. */
  readonly npmCache: string;
}

const SCRIPT = fileURLToPath(new URL("./bundler.mjs", import.meta.url));

/**
 * Bundles entry points, each by itself, in a process that can read `folder` and the npm cache alone.
 *
 * Paths in its messages are relative to `src`, paths in its maps to `out`.
 *
 * @param entries Relative to `src`.
 * @returns One outcome for each entry.
 * @throws {AppError} BUNDLER_UNAVAILABLE when the process fails as a whole.
 */
export async function bundleFolder(
  entries: readonly string[],
  run: BundlerRun,
): Promise<BundlerOutput[]> {
  const source = `${run.folder}/src`;
  const readable = [run.folder, run.npmCache].map((path) => path.replaceAll(",", ",,"));
  const args = ["run", "--unstable-bundle", "--no-prompt", ...run.flags];
  const allow = `--allow-read=${readable.join(",")}`;
  const result = await runTool(
    [...args, allow, SCRIPT, `${run.folder}/out`, ...entries.map((entry) => `${source}/${entry}`)],
    {
      ...run,
      cwd: source,
    },
  );
  try {
    const outputs = z.array(Output).parse(JSON.parse(result.stdout));
    if (outputs.length !== entries.length) throw new Error("An outcome is missing");
    return outputs;
  } catch (cause) {
    const offline = result.stderr.includes("Failed loading");
    throw unavailable(
      offline ? "The bundler could not be brought from the npm registry" : "The bundler failed",
      cause,
    );
  }
}

/**
 * Where Deno keeps npm packages.
 *
 * @throws {AppError} BUNDLER_UNAVAILABLE when Deno doesn't say.
 */
export async function findNpmCache(options: ToolOptions): Promise<string> {
  const { stdout } = await runTool(["info", "--json", "--no-config"], options);
  try {
    return Locations.parse(JSON.parse(stdout)).npmCache;
  } catch (cause) {
    throw unavailable("Deno does not say where its cache is", cause);
  }
}
