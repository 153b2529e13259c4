// @ts-check
/**
 * The global `secrets` of user code.
 *
 * @module
 */
import { watchEnvironment } from "./reads.mjs";

/**
 * @typedef {object} Values
 * @property {Record<string, string>} secrets The operator's, by name in upper case.
 * @property {Record<string, string>} system The system's settings, by name.
 * @property {Record<string, string>} [user] The settings of the only user that this process serves.
 * @property {string | undefined} [namespace] That of the code.
 */
/** @typedef {(number: number) => void} Note */
/** @typedef {{ readonly value: string, readonly number: number }} Entry */
/** @typedef {ReadonlyMap<string, Entry>} Entries */

/** What variables with values begin with; only a process that serves one caller has the last two. */
const PREFIXES = ["FLUXBASE_SECRET_", "FLUXBASE_SETTING_", "FLUXBASE_USER_"];

/**
 * Numbers values in the order in which they came.
 *
 * @param {Record<string, string>} values By name.
 * @param {number} first The number of the first of them.
 * @returns {Entries}
 */
export function numbered(values, first) {
  return new Map(
    Object.entries(values).map(([name, value], i) => [name, { value, number: first + i }]),
  );
}

/**
 * Installs `secrets`. An operator's secret comes first, so that no user can shadow one; then the
 * calling user's setting, then the system's. Reads of it and of the environment are noted.
 *
 * @param {Values} values
 * @param {Note} note Called with the number of each value that is read.
 * @param {() => Entries | undefined} settingsOfCaller The settings of the user whose call is running.
 */
export function installSecrets({ secrets, system, user, namespace }, note, settingsOfCaller) {
  const operators = numbered(secrets, 0);
  const systems = numbered(system, operators.size);
  const only = user === undefined ? undefined : numbered(user, operators.size + systems.size);
  watchEnvironment(variables([operators, systems, only ?? new Map()]), note);
  /** @param {string} key */
  const ofUser = (key) => (only ?? settingsOfCaller())?.get(key);
  /** @param {Entry | undefined} entry */
  const read = (entry) => {
    if (entry === undefined) return undefined;
    note(entry.number);
    return entry.value;
  };
  /** @param {unknown} name */
  const get = (name) => {
    // Most ask for the operator's, by the very name.
    const exact = operators.get(/** @type {string} */ (name));
    if (exact !== undefined) return read(exact);
    const key = keyOf(name);
    return read(operators.get(key) ?? ofUser(key) ?? systems.get(key));
  };
  const helper = Object.freeze({
    get,
    /** @param {unknown} name */
    getRequired(name) {
      const value = get(name);
      if (value !== undefined) return value;
      const shown = String(name).toUpperCase();
      const flag = namespace === undefined ? "" : ` --namespace ${namespace}`;
      throw new Error(
        `Required secret '${shown}' not found, or it has expired. ` +
          `Set it with: fluxbase secrets set ${shown} VALUE${flag}`,
      );
    },
    /** @param {unknown} name */
    getUser: (name) => read(ofUser(keyOf(name))),
    /** @param {unknown} name */
    getSystem: (name) => read(systems.get(keyOf(name))),
  });
  Object.defineProperty(globalThis, "secrets", {
    value: helper,
    writable: false,
    configurable: false,
    enumerable: true,
  });
}

/** @param {Entries[]} groups One for each prefix. @returns {Map<string, number>} */
function variables(groups) {
  const numbers = new Map();
  groups.forEach((entries, i) => {
    for (const [name, { number }] of entries) numbers.set(PREFIXES[i] + name, number);
  });
  return numbers;
}

/** @param {unknown} name `ai.openai.key` and `AI_OPENAI_KEY` are one. */
function keyOf(name) {
  return String(name).toUpperCase().replaceAll(".", "_");
}
