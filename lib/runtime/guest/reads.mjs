// @ts-check
/**
 * Notes which values each call reads, and tells the server once for each call and value.
 *
 * Values have numbers: the operator's secrets come first, then the system's settings, then those of
 * the caller, each in the order in which they were given. What was read is a list of words with one
 * bit for each number, so that a call which reads what every call reads tells it in a few bytes.
 * Names are never sent, so none can be made up.
 *
 * @module
 */

/** Numbers that share a word: as many bits as an engine keeps without a box around them. */
export const WORD_BITS = 30;

/**
 * @typedef {object} Reader A call, as far as it concerns its reads.
 * @property {number} id
 * @property {number[] | undefined} reads
 * @property {boolean} unsent Whether the server doesn't know them all.
 * @property {boolean} told Whether the head of the answer is out, so that it can't carry any more.
 * @property {boolean} ended
 */

/**
 * Makes what notes a read.
 *
 * @param {() => Reader | undefined} callOf Which call is running.
 * @param {(id: number, words: number[]) => void} send Tells the server at once.
 * @param {number} shared How many values every call has. What is read outside of any call is the
 * process's own (id 0), and the numbers beyond would mean another value to each call.
 * @returns {(number: number) => void}
 */
export function makeNote(callOf, send, shared) {
  /** @type {Reader} */
  const own = { id: 0, reads: undefined, unsent: false, told: true, ended: false };
  return function note(number) {
    let reader = callOf();
    if (reader === undefined || reader.ended) {
      if (number >= shared) return;
      reader = own;
    }
    const at = (number / WORD_BITS) | 0;
    const bit = 1 << (number % WORD_BITS);
    const words = reader.reads ??= [];
    if ((/** @type {number} */ (words[at]) & bit) !== 0) return;
    addBit(words, at, bit);
    if (reader.told) send(reader.id, addBit([], at, bit));
    else reader.unsent = true;
  };
}

/** @param {number[]} words @param {number} at @param {number} bit */
function addBit(words, at, bit) {
  while (words.length <= at) words.push(0);
  words[at] = /** @type {number} */ (words[at]) | bit;
  return words;
}

/**
 * Has reads of the environment noted, also those through `process.env`, which asks `Deno.env`.
 *
 * @param {ReadonlyMap<string, number>} numbers The number of each variable that holds a value.
 * @param {(number: number) => void} note
 */
export function watchEnvironment(numbers, note) {
  const { get, has, toObject } = Deno.env;
  const noteAll = () => numbers.forEach((number) => note(number));
  /** @param {string} key */
  const noteOne = (key) => {
    const number = numbers.get(key);
    if (number !== undefined) note(number);
  };
  Deno.env.get = function getEnv(key) {
    noteOne(key);
    return get(key);
  };
  Deno.env.has = function hasEnv(key) {
    noteOne(key);
    return has(key);
  };
  Deno.env.toObject = function toObjectEnv() {
    noteAll();
    return toObject();
  };
  // A worker has an environment of its own, which nobody watches: it may read everything.
  globalThis.Worker = new Proxy(globalThis.Worker, {
    construct(target, parameters, newTarget) {
      noteAll();
      return Reflect.construct(target, parameters, newTarget);
    },
  });
}
