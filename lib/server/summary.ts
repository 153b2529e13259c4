/**
 * What a person reads when the server is up: where things are and what to type next.
 *
 * @module
 */
import { VERSION } from "../version.ts";

/** What the summary tells of. */
export interface Facts {
  readonly url: string;
  readonly database: "postgres" | "embedded";
  readonly databasePath: string;
  readonly functionsDir: string;
  /** Names of functions found; null when the directory isn't there. */
  readonly functions: readonly string[] | null;
  readonly jobsDir: string;
  /** Names of jobs found; null when the directory isn't there. */
  readonly jobs: readonly string[] | null;
  /** How many jobs have a schedule. */
  readonly scheduled: number;
  readonly rootKey: { readonly from: string; readonly generated: boolean };
  /** Path of the admin key, and whether it was made just now; null when it isn't on this machine. */
  readonly adminKey: { readonly path: string; readonly created: boolean } | null;
  readonly missing: readonly string[];
  /** How tasks are run here: `deno task`, or the form that needs only Node. */
  readonly task: string;
}

/**
 * The summary.
 *
 * @param ms How long the start took.
 */
export function summary(facts: Facts, ms: number): string {
  const rows: [string, string][] = [
    ["Server", facts.url],
    [
      "Database",
      facts.database === "postgres" ? "PostgreSQL" : `embedded, in ${facts.databasePath}`,
    ],
    ["Functions", codeText(facts.functionsDir, facts.functions)],
    ["Jobs", jobsText(facts)],
    ["Root key", rootKeyText(facts)],
    ["Admin key", adminKeyText(facts)],
    ...facts.missing.map((text): [string, string] => ["Missing", text]),
  ];
  return [
    `Fluxbase Secrets ${VERSION} is ready after ${(ms / 1_000).toFixed(1)} s`,
    "",
    ...rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`),
    "",
    "Next, in another terminal:",
    ...nextSteps(facts).map((line) => `  ${line}`),
    "",
  ].join("\n");
}

function codeText(directory: string, names: readonly string[] | null): string {
  if (names === null) return `${directory} (not there yet)`;
  if (names.length === 0) return `${directory} (empty)`;
  return `${directory} (${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""})`;
}

function jobsText({ jobsDir, jobs, scheduled }: Facts): string {
  const text = codeText(jobsDir, jobs);
  return scheduled === 0 ? text : `${text}, ${scheduled} scheduled`;
}

function rootKeyText({ rootKey: { from, generated } }: Facts): string {
  return generated ? `${from} (made just now: keep a copy, nothing opens without it)` : from;
}

function adminKeyText({ adminKey }: Facts): string {
  if (adminKey === null) return "not on this machine; the CLI takes one in FLUXBASE_TOKEN";
  return `${adminKey.path} (${adminKey.created ? "made just now; " : ""}the CLI here uses it)`;
}

/** Typed as they stand, they end in a function that tells the secret. */
function nextSteps({ task, functions, functionsDir }: Facts): string[] {
  const first = functions?.[0];
  if (first !== undefined) {
    return [
      `${task} cli secrets set API_KEY "sk-your-api-key"`,
      `${task} cli functions invoke ${first}`,
    ];
  }
  return [
    `cp -r examples/functions/. ${functionsDir}`,
    `${task} cli secrets set GREETING "Good morning"`,
    `${task} cli functions invoke hello`,
  ];
}
