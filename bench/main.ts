/**
 * Runs the benches and prints one table of ratios. `BENCHMARKS.md` tells what each row means.
 *
 * Run: `deno task bench [name …] [--quick]`.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { run as audit } from "./audit.ts";
import { run as auth } from "./auth.ts";
import { run as backup } from "./backup.ts";
import { run as change } from "./change.ts";
import { run as coldCall } from "./cold_call.ts";
import { run as commandLine } from "./command_line.ts";
import { run as deploying } from "./deploy.ts";
import { run as jobs } from "./jobs.ts";
import { run as listing } from "./listing.ts";
import { run as outage } from "./outage.ts";
import { run as masking } from "./masking.ts";
import { run as replicas } from "./replicas.ts";
import { run as resolving } from "./resolving.ts";
import { run as rotation } from "./rotation.ts";
import { run as scaling } from "./scaling.ts";
import { run as secretsApi } from "./secrets_api.ts";
import { describeMachine, loadAverage } from "./support/machine.ts";
import { type Bench, isMet } from "./support/measure.ts";
import { formatTable, type Section } from "./support/table.ts";
import { run as warmCall } from "./warm_call.ts";

const BENCHES: readonly Bench[] = [
  { name: "warm", title: "1 warm call", run: warmCall },
  { name: "cold", title: "2 cold call", run: coldCall },
  { name: "api", title: "3 secrets API", run: secretsApi },
  { name: "resolve", title: "4 resolve secrets", run: resolving },
  { name: "cli", title: "5 command line", run: commandLine },
  { name: "mask", title: "6 masking", run: masking },
  { name: "change", title: "7 change under load", run: change },
  { name: "jobs", title: "8 jobs", run: jobs },
  { name: "deploy", title: "9 deploying", run: deploying },
  { name: "replicas", title: "10 several servers", run: replicas },
  { name: "scaling", title: "10 a second server", run: scaling },
  { name: "outage", title: "11 database away", run: outage },
  { name: "rotation", title: "12 rotation", run: rotation },
  { name: "auth", title: "13 auth", run: auth },
  { name: "backup", title: "14 backup", run: backup },
  { name: "list", title: "15 lists", run: listing },
  { name: "audit", title: "16 audit", run: audit },
];

/** What is running now; ended as well when this process is told to end. */
let current: AsyncDisposableStack | undefined;
/** Under way once this process was told to end. */
let ending: Promise<void> | undefined;

async function runBench(bench: Bench, quick: boolean): Promise<Section> {
  if (ending !== undefined) throw new Error("Cannot go on: this process was told to end");
  await using scope = new AsyncDisposableStack();
  current = scope;
  console.error(`${bench.title} …`);
  const measures = await bench.run({ quick, scope });
  return { title: bench.title, measures };
}

/** Prints what can be printed at the end, and returns whether every target is met. */
async function runAll(benches: readonly Bench[], quick: boolean): Promise<boolean> {
  const before = loadAverage();
  const sections: Section[] = [];
  for (const bench of benches) sections.push(await runBench(bench, quick));
  console.log(formatTable(sections));
  console.log(
    `\n${await describeMachine()}; load average ${before} before, ${loadAverage()} after`,
  );
  if (quick) console.log("Quick: the figures show that the benches work, and no more.");
  return sections.every(({ measures }) => measures.every((measure) => isMet(measure) !== false));
}

function endWhenTold(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      ending ??= Promise.resolve(current?.disposeAsync());
    });
  }
}

const args = parseArgs(Deno.args, { boolean: ["quick", "help"] });
const names = args._.map(String);
const known = BENCHES.map(({ name }) => name);
if (args.help || names.some((name) => !known.includes(name))) {
  console.log(`Usage: deno task bench [--quick] [${known.join(" | ")}] …`);
  Deno.exit(args.help ? 0 : 2);
}
endWhenTold();
const chosen = BENCHES.filter(({ name }) => names.length === 0 || names.includes(name));
try {
  const met = await runAll(chosen, args.quick === true);
  Deno.exit(met || args.quick === true ? 0 : 1);
} catch (error) {
  // What was taken away from a bench makes it fail; that is no news.
  if (ending === undefined) throw error;
  await ending;
  Deno.exit(130);
}
