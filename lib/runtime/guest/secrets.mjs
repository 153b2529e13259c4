// @ts-check
/**
 * The global `secrets` of user code.
 *
 * @module
 */

/**
 * @typedef {object} Values
 * @property {Record<string, string>} secrets The operator's, by name in upper case.
 * @property {Record<string, string>} system The system's settings, by name.
 * @property {Record<string, string>} [user] The settings of the only user that this process serves.
 */

/**
 * Installs `secrets`. An operator's secret comes first, so that no user can shadow one; then the
 * calling user's setting, then the system's.
 *
 * @param {Values} values
 * @param {() => ReadonlyMap<string, string> | undefined} settingsOfCaller The settings of the user
 * whose call is running.
 */
export function installSecrets({ secrets, system, user }, settingsOfCaller) {
  const operators = new Map(Object.entries(secrets));
  const systems = new Map(Object.entries(system));
  const only = user === undefined ? undefined : new Map(Object.entries(user));
  /** @param {string} key */
  const ofUser = (key) => (only ?? settingsOfCaller())?.get(key);
  /** @param {unknown} name */
  const get = (name) => {
    const key = keyOf(name);
    return operators.get(key) ?? ofUser(key) ?? systems.get(key);
  };
  const helper = Object.freeze({
    get,
    /** @param {unknown} name */
    getRequired(name) {
      const value = get(name);
      if (value !== undefined) return value;
      const shown = String(name).toUpperCase();
      throw new Error(
        `Required secret '${shown}' not found. Set it with: fluxbase secrets set ${shown} VALUE`,
      );
    },
    /** @param {unknown} name */
    getUser: (name) => ofUser(keyOf(name)),
    /** @param {unknown} name */
    getSystem: (name) => systems.get(keyOf(name)),
  });
  Object.defineProperty(globalThis, "secrets", {
    value: helper,
    writable: false,
    configurable: false,
    enumerable: true,
  });
}

/** @param {unknown} name `ai.openai.key` and `AI_OPENAI_KEY` are one. */
function keyOf(name) {
  return String(name).toUpperCase().replaceAll(".", "_");
}
