// @ts-check
/**
 * What a module of user code offers, and what its handler gives back.
 *
 * @module
 */

/** @typedef {(request: Request) => unknown} Handler */

const toJson = Response.json.bind(Response);

/**
 * The handler of a module: its `default`, `handler` or `main`, or the `fetch` of one of these.
 *
 * @param {Record<string, unknown>} module
 * @returns {Handler | undefined}
 */
export function findHandler(module) {
  for (const value of [module.default, module.handler, module.main]) {
    if (typeof value === "function") return /** @type {Handler} */ (value);
    const fetch = value !== null && typeof value === "object" ? Reflect.get(value, "fetch") : null;
    if (typeof fetch === "function") return fetch.bind(value);
  }
  return undefined;
}

/**
 * A handler that returns nothing answers 204; any other value that is no Response is sent as JSON.
 * @param {unknown} value
 */
export function toResponse(value) {
  if (value instanceof Response) return value;
  if (value === undefined || value === null) return new Response(null, { status: 204 });
  return toJson(value);
}
