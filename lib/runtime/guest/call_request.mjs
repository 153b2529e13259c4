// @ts-check
/**
 * The request that a handler gets.
 *
 * @module
 */

const NativeRequest = globalThis.Request;

/**
 * A `Request` whose signal is made when somebody asks for it: handing it to the constructor costs
 * five times as much as all the rest of it, and few handlers look.
 */
class CallRequest extends NativeRequest {
  /** @type {(() => AbortSignal) | undefined} */ #signal;

  /**
   * @param {RequestInfo} input @param {RequestInit} [init]
   * @param {() => AbortSignal} [signal] Makes the signal; the native one without it.
   */
  constructor(input, init, signal) {
    super(input, init);
    this.#signal = signal;
  }

  /** @override */
  get signal() {
    return this.#signal?.() ?? super.signal;
  }

  /** @override */
  clone() {
    return new CallRequest(super.clone(), undefined, this.#signal);
  }
}

/**
 * The head of a request, as the server sends it.
 * @typedef {[
 *   method: string, url: string, headers: [string, string][], more: boolean, settings?: number,
 * ]} Head
 */

/**
 * How many requests are made of one before it is made anew: it holds on to something of each of
 * them for as long as it lives.
 */
const USES = 128;

/**
 * Makes requests. One with the same head as the one before is a copy of it, which takes half as
 * long: what a URL consists of is found out once.
 */
export class RequestMaker {
  /** @type {Head | undefined} */ #head;
  /** @type {Request | undefined} */ #model;
  #left = 0;

  /**
   * @param {Head} head The same array for the same head, as a `HeadReader` gives it.
   * @param {BodyInit | null} body
   * @param {() => AbortSignal} signal
   * @returns {Request}
   */
  make(head, body, signal) {
    const model = this.#modelOf(head);
    if (model !== undefined) {
      return new CallRequest(model, body === null ? undefined : { body }, signal);
    }
    const [method, url, headers] = head;
    return new CallRequest(url, { method, headers, body }, signal);
  }

  /** @param {Head} head */
  #modelOf(head) {
    if (head !== this.#head) {
      this.#head = head;
      this.#model = undefined;
      return undefined;
    }
    if (this.#model === undefined || this.#left-- === 0) {
      const [method, url, headers] = head;
      this.#model = new NativeRequest(url, { method, headers });
      this.#left = USES;
    }
    return this.#model;
  }
}
