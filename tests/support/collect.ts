/**
 * What a process prints, kept while it runs.
 *
 * @module
 */

/** Text that is still coming. */
export interface Collected {
  /** What has come until now. */
  readonly text: string;
  /** Resolves at the end. */
  readonly done: Promise<void>;
}

/** Reads `stream` to its end. */
export function collect(stream: ReadableStream<Uint8Array>): Collected {
  const chunks: string[] = [];
  const read = async () => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) chunks.push(text);
  };
  const done = read();
  return {
    get text() {
      return chunks.join("");
    },
    done,
  };
}
