// @ts-check
/**
 * Which call the running code belongs to, carried along by promises, timers and callbacks.
 *
 * It is what `AsyncLocalStorage` is made of. Importing that brings a large part of Deno's Node layer
 * and costs a child 10 ms of its start, half as long again as Deno itself takes. Where the engine's
 * own variable isn't to be had, it is imported all the same.
 *
 * @module
 */

/**
 * @template T
 * @typedef {object} CallContext
 * @property {() => T | undefined} get
 * @property {<A extends unknown[], R>(value: T, work: (...args: A) => R, ...args: A) => R} run
 */

/**
 * A value that only this file can look at: the context itself is in reach of user code.
 * @template T
 */
class Held {
  /** @type {T} */ #value;

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  /** @template T @param {Held<T> | undefined} held */
  static valueOf(held) {
    return held === undefined ? undefined : held.#value;
  }
}

/**
 * Makes a variable of its own.
 *
 * @template T
 * @param {{ getAsyncContext?: () => any, setAsyncContext?: (context: any) => void }} [core] The
 * engine's own variable.
 * @returns {Promise<CallContext<T>>}
 */
export async function makeCallContext(core = engineCore()) {
  // Taken now: user code may change what is reachable, and would file its lines under other calls.
  const { getAsyncContext, setAsyncContext } = core;
  if (getAsyncContext === undefined || setAsyncContext === undefined) {
    const { AsyncLocalStorage } = await import("node:async_hooks");
    const storage = new AsyncLocalStorage();
    return { get: storage.getStore.bind(storage), run: storage.run.bind(storage) };
  }
  const key = Symbol("call");
  const valueOf = Held.valueOf;
  return {
    get: () => valueOf(getAsyncContext()?.[key]),
    run(value, work, ...args) {
      const before = getAsyncContext();
      // What others keep there, such as user code's own AsyncLocalStorage, stays, and they leave
      // this. Deno's AsyncVariable would put each value into a WeakMap, which is slow to collect.
      setAsyncContext({ ...before, [key]: new Held(value) });
      try {
        return work(...args);
      } finally {
        setAsyncContext(before);
      }
    },
  };
}

/** What Deno keeps for itself; another version may have it elsewhere, or not at all. */
function engineCore() {
  return Reflect.get(Deno, Reflect.get(Deno, "internal"))?.core ?? {};
}
