/**
 * Runs one command line from its words to its exit code.
 *
 * @module
 */
import { type CliError, type ExitCode, toCliError } from "./failure.ts";
import type { Client } from "./client.ts";
import { HELP, readTable } from "./commands.ts";
import { type Io, quietly } from "./io.ts";
import type { Invocation } from "./parse.ts";
import type { Place, Settings } from "./settings.ts";
import type { Command, Context } from "./table.ts";
import { later } from "./later.ts";

/** Words that ask for nothing but the overview. */
const OVERVIEW = ["--help", "-h"];

/**
 * Runs a command line. Errors are printed, not thrown.
 *
 * @returns The exit code.
 */
export async function runCommandLine(
  words: readonly string[],
  io: Io,
  place: Place,
): Promise<ExitCode> {
  try {
    await dispatch(words, io, place);
    return 0;
  } catch (thrown) {
    // The reader of our output has gone, as in `… | head -1`: there is nobody left to tell.
    if (thrown instanceof Deno.errors.BrokenPipe) return 0;
    return complain(toCliError(thrown), io);
  }
}

function complain(error: CliError, io: Io): ExitCode {
  io.note(`Error: ${error.message}`);
  if (error.hint !== null) io.note(error.hint);
  return error.exit;
}

async function dispatch(words: readonly string[], io: Io, place: Place): Promise<void> {
  const asked = words[0] === HELP.name ? ["--help", ...words.slice(1)] : words;
  const table = await readTable(asked);
  // The overview needs nothing parsed, and is there a tenth sooner without the parser.
  if (asked.every((word) => OVERVIEW.includes(word))) return await showHelp([table], io);
  const { parseCommandLine } = await later<typeof import("./parse.ts")>("./parse.ts");
  const invocation = parseCommandLine(asked, table);
  const { path, flags } = invocation;
  const command = path[path.length - 1]!;
  if (flags.on("version")) return io.out(await versionText());
  if (command === HELP) return await showHelp([table], io);
  if (flags.on("help") || command.load === undefined) return await showHelp(path, io);
  const [handler, { readSettings }, { chooseProfile }] = await Promise.all([
    command.load(),
    later<typeof import("./settings.ts")>("./settings.ts"),
    later<typeof import("./profile_choice.ts")>("./profile_choice.ts"),
  ]);
  const choice = await chooseProfile(flags, place, { mayBeNew: command.newProfile === true });
  await handler(contextOf(invocation, readSettings(flags, place, choice), io));
}

async function versionText(): Promise<string> {
  return (await later<typeof import("../version.ts")>("../version.ts")).VERSION;
}

async function showHelp(path: readonly Command[], io: Io): Promise<void> {
  const { helpText } = await later<typeof import("./help.ts")>("./help.ts");
  io.out(helpText(path));
}

function contextOf(invocation: Invocation, settings: Settings, io: Io): Context {
  const { args, flags } = invocation;
  const streams = flags.on("quiet") ? quietly(io) : io;
  return {
    args,
    flags,
    settings,
    io: streams,
    connect: (options) => connect(settings, io, options),
  };
}

/**
 * HTTP_PROXY holds for loopback addresses too, and would hand the admin key to the proxy. It is
 * read when the first request is made.
 */
function bypassProxy(): void {
  for (const name of ["NO_PROXY", "no_proxy"]) Deno.env.set(name, "localhost,127.0.0.0/8,::1");
}

/** How a command wants to speak to the server. */
interface ConnectOptions {
  anonymous?: boolean;
  token?: string;
}

async function connect(settings: Settings, io: Io, options: ConnectOptions = {}): Promise<Client> {
  const [{ Client }, { findToken, refusePlainHttp }, { findProvenServer, openHttp, PROOF_PATH }] =
    await Promise.all([
      later<typeof import("./client.ts")>("./client.ts"),
      later<typeof import("./credentials.ts")>("./credentials.ts"),
      later<typeof import("./proven_server.ts")>("./proven_server.ts"),
    ]);
  if (options.token !== undefined) refusePlainHttp(settings);
  const given = options.anonymous === true ? null : options.token;
  const { token, fromDataDir } = given === undefined
    ? await findToken(settings)
    : { token: given, fromDataDir: false };
  if (settings.loopback) bypassProxy();
  const onRequest = (method: string, path: string): void => {
    if (settings.debug) io.note(`DEBUG: ${method} ${path}`);
  };
  const { server } = settings;
  // With https, the certificate shows who answers.
  if (!fromDataDir || token === null || server.startsWith("https:")) {
    return new Client({ server, token, onRequest });
  }
  // The same for all requests, since another would take a millisecond to make.
  const http = openHttp();
  const locate = (signal: AbortSignal): Promise<string> => {
    onRequest("GET", PROOF_PATH);
    return findProvenServer(server, token, { signal, http });
  };
  return new Client({ server, token, onRequest, locate, http });
}
