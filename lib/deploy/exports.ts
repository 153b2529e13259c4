/**
 * What a bundle exports, told from its text.
 *
 * @module
 */

/** The names under which a handler is looked for. */
const HANDLERS = ["default", "handler", "main"];
const MAP = /\n?\/\/# sourceMappingURL=\S+\s*$/;
/** The bundler puts every export into one list at the end. */
const LIST = /(?:^|\n)export \{\n?([^{}]*)\};?\s*$/;

/**
 * Tells whether a bundle can be a function or job at all, so that a missing `export default` is found
 * when it is deployed and not by the first caller. What is exported may still be no handler.
 *
 * @param code A bundle of one ES module.
 * @returns One sentence, or `null` when there is nothing to say.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { handlerProblem } from "./exports.ts";
 *
 * assertEquals(handlerProblem("var a = 1;\nexport {\n  a as default\n};\n"), null);
 * assertEquals(handlerProblem("var b = 1;\nexport {\n  b\n};\n")?.slice(0, 2), "no");
 * ```
 */
export function handlerProblem(code: string): string | null {
  const text = code.replace(MAP, "");
  // What was written for CommonJS has its one export in a line of its own.
  if (/\nexport default .*;\s*$/.test(text)) return null;
  const [, list = ""] = LIST.exec(text) ?? [];
  const names = list.split(",").map((item) => item.trim().split(/\s+as\s+/).at(-1));
  if (names.some((name) => HANDLERS.includes(name ?? ""))) return null;
  return "no handler function found; export a 'default', 'handler' or 'main' function";
}
