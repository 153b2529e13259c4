/**
 * The bundler's own process: bundles each entry point by itself and prints the outcomes as one JSON
 * array, in their order.
 *
 * It runs with `--allow-read` for the copied sources and the npm cache alone, because a package may
 * `require("/any/file")` and neither `deno info` nor the command `deno bundle` would stop it.
 *
 * @module
 */
const [outputDir, ...entries] = Deno.args;
const outcomes = [];
for (const entry of entries) outcomes.push(await bundle(entry));
console.log(JSON.stringify(outcomes));

async function bundle(entry) {
  const result = await Deno.bundle({
    entrypoints: [entry],
    outputDir,
    platform: "deno",
    format: "esm",
    packages: "bundle",
    sourcemap: "external",
    write: false,
  });
  const files = result.outputFiles ?? [];
  const textOf = (extension) => files.find((file) => file.path.endsWith(extension))?.text() ?? "";
  const message = ({ text, location }) => ({ text, file: location?.file ?? null });
  return {
    success: result.success,
    errors: result.errors.map(message),
    warnings: result.warnings.map(message),
    code: textOf(".js"),
    map: textOf(".js.map"),
  };
}
