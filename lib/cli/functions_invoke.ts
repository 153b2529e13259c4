/**
 * `functions invoke`: calls a function and prints its response as it comes.
 *
 * @module
 */
import { CATALOGUE } from "../errors.ts";
import { parseNamespace } from "../resolve/ref.ts";
import { failureOf } from "./answer.ts";
import type { RequestOptions } from "./client.ts";
import { CliError, isErrorCode, usageError, withHint } from "./failure.ts";
import type { Context } from "./table.ts";

/** Milliseconds until the response must have begun. */
const TIMEOUT_MS = 120_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Calls a function. */
export async function invokeFunction(context: Context): Promise<void> {
  const name = context.args.NAME!;
  if (!NAME.test(name)) {
    throw usageError("NAME must be 1 to 63 of A-Z a-z 0-9 _ - and begin with a letter or digit");
  }
  const namespace = context.flags.text("namespace");
  const method = parseMethod(context.flags.text("method") ?? "POST");
  const body = await readBody(context);
  if (body !== null && (method === "GET" || method === "HEAD")) {
    throw usageError(`A ${method} request has no body`);
  }
  const client = await context.connect();
  const response = await client.stream(method, `/api/v1/functions/${name}/invoke`, {
    query: { namespace: namespace === undefined ? null : parseNamespace(namespace) },
    timeoutMs: TIMEOUT_MS,
    ...requestBody(body),
  });
  if (!response.ok) await refuse(response, context);
  else await pass(response, context);
}

function parseMethod(text: string): string {
  const method = text.toUpperCase();
  if (!/^[A-Z]{1,20}$/.test(method) || ["CONNECT", "TRACE", "TRACK"].includes(method)) {
    throw usageError("--method is an HTTP method such as GET or POST");
  }
  return method;
}

async function readBody(context: Context): Promise<Uint8Array<ArrayBuffer> | null> {
  const data = context.flags.text("data");
  const file = context.flags.text("file");
  if (data !== undefined && file !== undefined) throw usageError("Give --data or --file, not both");
  if (data === "-") return new Uint8Array(await new Response(context.io.stdin).arrayBuffer());
  if (data !== undefined) return new TextEncoder().encode(data);
  if (file === undefined) return null;
  try {
    return await Deno.readFile(context.settings.resolvePath(file));
  } catch {
    throw usageError("The file of --file cannot be read");
  }
}

function requestBody(
  body: Uint8Array<ArrayBuffer> | null,
): Pick<RequestOptions, "body" | "headers"> {
  const accept = { accept: "*/*" };
  if (body === null) return { headers: accept };
  const type = isJson(body) ? "application/json" : "application/octet-stream";
  return { body, headers: { ...accept, "content-type": type } };
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

async function pass(response: Response, context: Context): Promise<void> {
  let last = 0x0a;
  for await (const chunk of response.body ?? []) {
    await context.io.outBytes(chunk);
    last = chunk.at(-1) ?? last;
  }
  // The shell's prompt should begin on a line of its own; a pipe gets the bytes alone.
  if (context.io.outIsTerminal && last !== 0x0a) context.io.out("");
}

/** Tells the server's own refusal from an error status that the function chose. */
async function refuse(response: Response, context: Context): Promise<never> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const failure = failureOf(response.status, new TextDecoder().decode(bytes));
  const code = failure.code;
  const id = response.headers.get("x-fluxbase-execution-id");
  if (id !== null && response.status !== 404) context.io.note(`Execution: ${id}`);
  if (isErrorCode(code) && CATALOGUE[code].status === response.status) {
    throw id === null ? failure : withLog(failure, id, context);
  }
  await context.io.outBytes(bytes);
  throw new CliError(1, `The function answered with status ${response.status}`);
}

/** Names the command that shows why, where the log has it. */
function withLog(failure: CliError, id: string, { args, flags }: Context): unknown {
  const { code } = failure;
  if (code === "FUNCTION_FAILED" || code === "FUNCTION_CRASHED") {
    return withHint(failure, code, `See what it printed with: logs execution ${id}`);
  }
  // What is printed while code loads belongs to no single call.
  if (code !== "FUNCTION_INVALID" || !failure.message.includes("see its log")) return failure;
  const namespace = flags.text("namespace");
  const place = namespace === undefined ? "" : ` --namespace ${namespace}`;
  const hint = `See what it printed with: logs list --function ${args.NAME}${place} --level error`;
  return withHint(failure, code, hint);
}
