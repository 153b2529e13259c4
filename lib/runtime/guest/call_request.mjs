// @ts-check
/**
 * The request that a handler gets.
 *
 * @module
 */

/** Says how a request's signal comes to be, and is not told to the handler. */
const signals = new WeakMap();
const NativeRequest = globalThis.Request;

/**
 * A `Request` whose signal is made when somebody asks for it: handing it to the constructor costs
 * five times as much as all the rest of it, and few handlers look.
 */
class CallRequest extends NativeRequest {
  /** @override */
  get signal() {
    return signals.get(this)?.() ?? super.signal;
  }

  /** @override */
  clone() {
    const copy = super.clone();
    Object.setPrototypeOf(copy, CallRequest.prototype);
    signals.set(copy, signals.get(this));
    return copy;
  }
}

/**
 * @param {string} url @param {RequestInit} init
 * @param {() => AbortSignal} signal
 * @returns {Request}
 */
export function makeRequest(url, init, signal) {
  const request = new CallRequest(url, init);
  signals.set(request, signal);
  return request;
}
