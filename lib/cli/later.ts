/**
 * Imports that wait until they are needed.
 *
 * @module
 */

/**
 * Imports a module of this folder. The runtime reads a module whose name stands in an `import()`
 * at each start, whether it is used or not: the commands that aren't run took a tenth of the time
 * until help was there. Here it can't tell which module is meant before it is asked for; it then
 * needs leave to read the file, as any file.
 *
 * @typeParam Module `typeof import("./x.ts")`, which costs nothing at run time.
 */
export function later<Module>(specifier: `./${string}.ts` | `../${string}.ts`): Promise<Module> {
  return import(new URL(specifier, import.meta.url).href);
}
