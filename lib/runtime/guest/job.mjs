// @ts-check
/**
 * Runs a job's handler behind the same call as a function's: the payload comes as the request's
 * body, progress and result go out as the response's, one JSON line each.
 *
 * @module
 */

/**
 * @typedef {object} JobIdentity
 * @property {string} id
 * @property {string} name
 * @property {string | null} namespace
 * @property {number} attempt 1 for the first attempt.
 */
/** @typedef {(payload: any, job: object) => unknown} JobHandler */

/** Progress that comes faster than this is thinned out, ms. */
const PROGRESS_MS = 100;
/** An error or a message of more characters is left out: cut, half a value might stay unmasked. */
const LONGEST_TEXT = 64 * 1024;

const stringify = JSON.stringify;
const parse = JSON.parse;
const encoder = new TextEncoder();

/** One run's lines on their way to the server. */
class Lines {
  /** @type {ReadableStreamDefaultController<Uint8Array> | undefined} */ #controller;
  /** @type {string | undefined} */ #progress;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  stream = new ReadableStream({
    start: (controller) => {
      this.#controller = controller;
    },
    cancel: () => {
      this.#controller = undefined;
      clearTimeout(this.#timer);
    },
  });

  /** @param {string} line Of many that come at once, the last is sent. */
  progress(line) {
    this.#progress = line;
    this.#timer ??= setTimeout(() => this.#flush(), PROGRESS_MS);
  }

  /** @param {string} line The last line. */
  end(line) {
    this.#flush();
    this.#send(line);
    this.#controller?.close();
    this.#controller = undefined;
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#progress !== undefined) this.#send(this.#progress);
    this.#progress = undefined;
  }

  /** @param {string} line */
  #send(line) {
    this.#controller?.enqueue(encoder.encode(line + "\n"));
  }
}

/**
 * Makes a handler of requests out of a handler of payloads.
 * @param {JobHandler} handle @param {JobIdentity} identity
 * @param {() => void} exit Called when a run that was given up has ended.
 * @returns {(request: Request) => Promise<Response>}
 */
export function jobHandler(handle, identity, exit) {
  return async function startJob(request) {
    const payload = parse(await request.text());
    const lines = new Lines();
    const job = Object.freeze({
      ...identity,
      signal: request.signal,
      progress: (/** @type {unknown} */ percent, /** @type {unknown} */ message) =>
        lines.progress(progressLine(percent, message)),
    });
    run(handle, payload, job).then((line) => {
      lines.end(line);
      if (request.signal.aborted) exit();
    });
    return new Response(lines.stream);
  };
}

/**
 * @param {JobHandler} handle @param {unknown} payload @param {object} job
 * @returns {Promise<string>} The run's last line.
 */
async function run(handle, payload, job) {
  try {
    const json = await jsonOf(await handle(payload, job));
    return json === undefined ? "{}" : `{"result":${json}}`;
  } catch (error) {
    console.error(error);
    return stringify({ error: bounded(describe(error)) });
  }
}

/** @param {unknown} value @returns {Promise<string | undefined>} */
async function jsonOf(value) {
  if (!(value instanceof Response)) return stringify(value);
  const text = await value.text();
  if (text === "") return undefined;
  try {
    parse(text);
    return text.replaceAll("\n", " ");
  } catch {
    return stringify(text);
  }
}

/** @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}

/** @param {string} text */
function bounded(text) {
  return text.length <= LONGEST_TEXT ? text : "(too long to be shown)";
}

/** @param {unknown} percent @param {unknown} message */
function progressLine(percent, message) {
  const number = Number(percent);
  if (Number.isNaN(number)) throw new TypeError("Progress must be a number from 0 to 100");
  const text = message === undefined ? null : bounded(String(message));
  return stringify({ progress: [Math.min(100, Math.max(0, number)), text] });
}
