/**
 * The commands over deployed code, the same for functions and jobs.
 *
 * @module
 */
import { later } from "./later.ts";
import type { Command, Flag } from "./table.ts";

/** What code is called on the command line. */
export type CodeNoun = "function" | "job";

const deployer = () => later<typeof import("./code_deploy.ts")>("./code_deploy.ts");
const reader = () => later<typeof import("./code_read.ts")>("./code_read.ts");
const changer = () => later<typeof import("./code_change.ts")>("./code_change.ts");

/** The commands of a noun that deploy and look at its code. */
export function codeCommands(noun: CodeNoun): Command[] {
  return [deploy(noun), get(noun), versions(noun), rollback(noun), remove(noun)];
}

function deploy(noun: CodeNoun): Command {
  const group = `${noun}s`;
  return {
    name: "deploy",
    aliases: ["sync"],
    summary: `Deploy a directory of ${group} to every replica`,
    args: [{ name: "NAME", optional: true }],
    flags: [
      { name: "dir", value: "PATH", help: `The directory (default ${group})` },
      { name: "namespace", value: "NAME", help: "Deploy everything to this namespace" },
      { name: "dry-run", help: "Build and compare, and change nothing" },
      { name: "prune", help: `Delete deployed ${group} that the directory doesn't have` },
      { name: "keep", help: "Delete nothing; this is the default" },
    ],
    notes: [
      `Every file below the directory is sent, but for hidden ones and node_modules; the server checks ` +
      `and bundles them, and stores nothing unless all of them are right. With NAME only that ` +
      `${noun} is deployed.`,
      `Left out, --namespace leaves each ${noun} where its folder says: @production/${
        noun === "function" ? "pay" : "mail"
      }.ts goes to the namespace production. With --namespace X go what has no namespace and what ` +
      `lies in @X, which wins. --prune looks only at the namespaces that are deployed to.`,
    ],
    examples: [
      `${group} deploy`,
      `${group} deploy --dry-run`,
      `${group} sync --dir ./${group} --namespace production --prune`,
    ],
    load: async () => (await deployer()).deployCode(noun),
  };
}

function get(noun: CodeNoun): Command {
  return {
    name: "get",
    summary: `Show a ${noun}: what is served, its limits and who deployed it`,
    args: [{ name: "NAME" }],
    flags: [namespaceFlag(noun), { name: "code", help: "Print the bundled code instead" }],
    examples: [`${noun}s get hello`, `${noun}s get hello --namespace production -o yaml`],
    load: async () => (await reader()).showCode(noun),
  };
}

function versions(noun: CodeNoun): Command {
  return {
    name: "versions",
    aliases: ["history"],
    summary: `List the versions of a deployed ${noun}, newest first`,
    args: [{ name: "NAME" }],
    flags: [namespaceFlag(noun)],
    examples: [`${noun}s versions hello`],
    load: async () => (await reader()).listCodeVersions(noun),
  };
}

function rollback(noun: CodeNoun): Command {
  return {
    name: "rollback",
    summary: "Make an earlier version's code and settings the newest version",
    args: [{ name: "NAME" }, { name: "VERSION" }],
    flags: [namespaceFlag(noun)],
    examples: [`${noun}s rollback hello 2`],
    load: async () => (await changer()).rollbackCode(noun),
  };
}

function remove(noun: CodeNoun): Command {
  return {
    name: "delete",
    aliases: ["rm", "remove"],
    summary: `Delete a deployed ${noun}, without asking; a file of its name is then served`,
    args: [{ name: "NAME" }],
    flags: [namespaceFlag(noun)],
    examples: [`${noun}s delete hello --namespace production`],
    load: async () => (await changer()).deleteCode(noun),
  };
}

function namespaceFlag(noun: CodeNoun): Flag {
  return { name: "namespace", value: "NAME", help: `The ${noun} of this namespace` };
}
