// @ts-check
/**
 * What user code finds around it that isn't as Deno makes it.
 *
 * @module
 */

/**
 * Puts a mark before each console line, so that the server can file it under the call it belongs to.
 * The mark holds a token that the function can't know; without it a line has no call of its own.
 * @param {string} mark
 * @param {() => number} callId The call that is running; 0 for none.
 */
export function markConsole(mark, callId) {
  for (const name of /** @type {const} */ (["debug", "log", "info", "warn", "error"])) {
    const print = console[name].bind(console);
    const level = name === "log" ? "info" : name;
    console[name] = (...values) => {
      const label = `${mark}${callId()}:${level}`;
      if (typeof values[0] === "string") print(`${label} ${values[0]}`, ...values.slice(1));
      else print(label, ...values);
    };
  }
}

/** Storage outlives the child and is shared by all that run this bootstrap. */
export function removeStorage() {
  for (const name of ["localStorage", "sessionStorage", "caches"]) {
    Reflect.deleteProperty(globalThis, name);
  }
}

/** One call's stray rejection must not end the calls beside it. */
export function keepRunningOnStrayErrors() {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    console.error("Unhandled rejection:", event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    console.error("Uncaught error:", event.error);
  });
}
