// @ts-check
/**
 * What runs in every child: it connects to the server, gives up the right to do so again, waits for
 * the code and its values, and then answers calls.
 *
 * Nothing secret is in the command line, a file or the process's initial environment. The code is
 * loaded by a computed `import()` of a `blob:` URL: a static import, or an entry point, could read any
 * file as text without permission.
 *
 * @module
 */
import { Frame } from "./frames.mjs";
import { readFrames } from "./frame_reader.mjs";
import { FrameWriter } from "./frame_writer.mjs";
import { HeadReader, readHead, readU32 } from "./heads.mjs";
import { IncomingBody, OutgoingBody, peekBody } from "./bodies.mjs";
import { CallTable } from "./call_table.mjs";
import { makeCallContext } from "./call_context.mjs";
import { RequestMaker } from "./call_request.mjs";
import { findHandler, toResponse } from "./handler.mjs";
import { jobHandler } from "./job.mjs";
import { makeNote } from "./reads.mjs";
import { installSecrets, numbered } from "./secrets.mjs";
import { takeStaticBody } from "./static_body.mjs";
import { keepRunningOnStrayErrors, markConsole, removeStorage } from "./surroundings.mjs";

/** @typedef {import("./handler.mjs").Handler} Handler */
/** @typedef {import("./call_request.mjs").Head} Head */
/** @typedef {import("./job.mjs").JobIdentity} JobIdentity */
/**
 * @typedef {object} Call
 * @property {number} id
 * @property {import("./secrets.mjs").Entries | undefined} settings Those of the user who calls.
 * @property {AbortController | undefined} controller Made when somebody asks for its signal.
 * @property {IncomingBody | undefined} incoming
 * @property {OutgoingBody | undefined} outgoing
 * @property {number[] | undefined} reads See `reads.mjs`, as for those below.
 * @property {boolean} unsent
 * @property {boolean} told
 * @property {boolean} ended
 */

const [path, absolutePath] = /** @type {[string, string]} */ (Deno.args);
const connection = await Deno.connect({ transport: "unix", path });
Deno.permissions.revokeSync({ name: "net", host: `unix:${absolutePath}` });
Deno.permissions.revokeSync({ name: "read", path });
Deno.permissions.revokeSync({ name: "write", path });

const exit = Deno.exit.bind(Deno);
const setEnv = Deno.env.set.bind(Deno.env);
const writer = new FrameWriter(connection, () => exit(0), whenTheTurnIsOver);
const heads = new HeadReader();
const requests = new RequestMaker();
/** @type {CallTable<Call>} */
const calls = new CallTable();
/**
 * Settings of users by the number that requests name them by.
 * @type {Map<number, import("./secrets.mjs").Entries>}
 */
const given = new Map();
/** How many values every call has: those of users come after them. */
let shared = 0;
/** @type {import("./call_context.mjs").CallContext<Call>} */
const { run: runAs, get: callOf } = await makeCallContext();
/** @type {Handler | undefined} */
let handler;

/** How many microtasks the answers of calls that ended together wait for each other. */
const PATIENCE = 12;

/** @param {() => void} drain */
function whenTheTurnIsOver(drain) {
  let turns = calls.size > 1 ? PATIENCE : 0;
  const wait = () => turns-- > 0 ? queueMicrotask(wait) : drain();
  wait();
}

/** @param {number} type @param {number} id @param {Uint8Array} payload */
function onFrame(type, id, payload) {
  if (type === Frame.REQUEST) {
    const { head, body } = heads.read(payload);
    serve(id, head, body);
    return;
  }
  if (type === Frame.PING) {
    for (const call of calls.values()) sendReads(call);
    return writer.frame(Frame.PONG, 0);
  }
  if (type === Frame.ACTIVATE) {
    activate(readHead(payload).head);
    return;
  }
  if (type === Frame.SETTINGS) {
    keepSettings(readHead(payload).head);
    return;
  }
  const call = calls.get(id);
  if (call === undefined) return;
  if (type === Frame.DATA) call.incoming?.push(payload.slice());
  else if (type === Frame.END) call.incoming?.end();
  else if (type === Frame.CREDIT) call.outgoing?.credit(readU32(payload, 0));
  else if (type === Frame.CANCEL) runAs(call, abandon, call);
}

/** @param {[number: number, values: Record<string, string> | null]} head */
function keepSettings([number, values]) {
  if (values === null) given.delete(number);
  else given.set(number, numbered(values, shared));
}

/**
 * Tells what a call that lasts has read: should it end early, that is known.
 * @param {Call} call
 */
function sendReads(call) {
  if (!call.unsent) return;
  call.unsent = false;
  writer.head(Frame.READS, call.id, call.reads);
}

/** @param {Call} call */
function abandon(call) {
  call.incoming?.fail();
  call.outgoing?.stop();
  controllerOf(call).abort(new DOMException("The caller is gone", "AbortError"));
}

/** @param {Call} call */
function controllerOf(call) {
  return call.controller ??= new AbortController();
}

/** @param {Call} call */
function isAborted(call) {
  return call.controller?.signal.aborted ?? false;
}

/** @param {number} id @param {Head} head @param {Uint8Array<ArrayBuffer>} body */
function serve(id, head, body) {
  const settings = head[4];
  /** @type {Call} */
  const call = {
    id,
    settings: settings === undefined ? undefined : given.get(settings),
    controller: undefined,
    incoming: undefined,
    outgoing: undefined,
    reads: undefined,
    unsent: false,
    told: false,
    ended: false,
  };
  calls.add(id, call);
  runAs(call, answerCall, call, head, body);
}

/** @param {Call} call @param {Head} head @param {Uint8Array<ArrayBuffer>} bytes */
async function answerCall(call, head, bytes) {
  const { id } = call;
  try {
    const [method, , , more, settings] = head;
    if (settings !== undefined && call.settings === undefined) throw new Error("No such settings");
    const body = requestBody(id, call, method, more, bytes);
    const request = requests.make(head, body, () => controllerOf(call).signal);
    const value = await /** @type {Handler} */ (handler)(request);
    await respond(id, call, toResponse(value), method === "HEAD");
  } catch (error) {
    console.error(error);
    sendReads(call);
    writer.frame(Frame.FAILED, id);
  } finally {
    call.ended = true;
    calls.delete(id);
  }
}

/**
 * @param {number} id @param {Call} call @param {string} method @param {boolean} more
 * @param {Uint8Array<ArrayBuffer>} body
 */
function requestBody(id, call, method, more, body) {
  if (method === "GET" || method === "HEAD") return null;
  if (!more) return body.length === 0 ? null : body;
  call.incoming = new IncomingBody(writer, id, () => writer.frame(Frame.CANCEL, id));
  call.incoming.push(body);
  return call.incoming.stream;
}

/** @param {number} id @param {Call} call @param {Response} response @param {boolean} headOnly */
async function respond(id, call, response, headOnly) {
  /** @type {[string, string][]} */
  const headers = [];
  response.headers.forEach((value, name) => headers.push([name, value]));
  const whole = headOnly ? undefined : takeStaticBody(response);
  if (whole !== undefined) {
    answer(call, response.status, headers, false, whole);
    return;
  }
  if (response.body === null || headOnly) {
    response.body?.cancel().catch(() => {});
    answer(call, response.status, headers, false);
    return;
  }
  const reader = response.body.getReader();
  const { part, next } = await peekBody(reader);
  answer(call, response.status, headers, next !== undefined, part);
  if (next === undefined) return;
  call.outgoing = new OutgoingBody(writer, id, reader);
  call.outgoing.spend(part?.length ?? 0);
  if (isAborted(call)) call.outgoing.stop();
  const sent = await call.outgoing.send(next);
  if (!sent && !isAborted(call)) {
    console.error("The response's body failed before it was complete");
  }
}

/**
 * Sends the head of the answer, with what the call has read.
 * @param {Call} call @param {number} status @param {[string, string][]} headers
 * @param {boolean} more @param {Uint8Array | string} [part]
 */
function answer(call, status, headers, more, part) {
  /** @type {unknown[]} */
  const head = [status, headers, more];
  if (call.unsent) head.push(call.reads);
  call.unsent = false;
  call.told = true;
  call.ended = !more;
  writer.head(Frame.RESPONSE, call.id, head, part);
}

/**
 * @param {{
 *   code: string, env: Record<string, string>, mark: string, job?: JobIdentity,
 * } & import("./secrets.mjs").Values} activation
 */
async function activate({ code, env, mark, job, ...values }) {
  for (const name of Object.keys(env)) setEnv(name, /** @type {string} */ (env[name]));
  shared = Object.keys(values.secrets).length + Object.keys(values.system).length;
  const send = (/** @type {number} */ id, /** @type {number[]} */ words) =>
    writer.head(Frame.READS, id, words);
  // Of users, a job has one only.
  const note = makeNote(callOf, send, job === undefined ? shared : Infinity);
  const namespace = env.FLUXBASE_FUNCTION_NAMESPACE ?? env.FLUXBASE_JOB_NAMESPACE;
  installSecrets({ ...values, namespace }, note, () => callOf()?.settings);
  markConsole(mark, () => callOf()?.id ?? 0);
  removeStorage();
  keepRunningOnStrayErrors();
  try {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const found = findHandler(await import(url));
    if (found === undefined) return reject("no-handler");
    handler = job === undefined ? found : jobHandler(found, job, () => exit(0));
    writer.frame(Frame.READY, 0);
  } catch (error) {
    console.error(error);
    reject("throws");
  }
}

/** @param {"no-handler" | "throws"} reason */
function reject(reason) {
  writer.head(Frame.REJECT, 0, { reason });
}

readFrames(connection, onFrame).then(() => exit(0), () => exit(0));
