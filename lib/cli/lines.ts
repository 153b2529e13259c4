/**
 * Text that comes in lines.
 *
 * @module
 */

/**
 * Gives the lines of UTF-8 text, without their ends, as they come.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { linesOf } from "./lines.ts";
 *
 * const lines = await Array.fromAsync(linesOf(new Blob(["a\nb\n"]).stream()));
 * assertEquals(lines, ["a", "b"]);
 * ```
 */
export async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
