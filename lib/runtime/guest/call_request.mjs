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
 * @param {string} url @param {RequestInit} init
 * @param {() => AbortSignal} signal
 * @returns {Request}
 */
export function makeRequest(url, init, signal) {
  return new CallRequest(url, init, signal);
}
