/**
 * A backup's text: a first line that says what it is, one line a record, and a last line that counts
 * and hashes them all.
 *
 * The encryption notices every changed byte and every cut; the last line also notices what whoever
 * wrote the file left out.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { refusedBackup } from "./cipher.ts";
import {
  type BackupRecord,
  FORMAT_VERSION,
  type Kind,
  KINDS,
  kindsOf,
  parseRecord,
} from "./records.ts";

const FORMAT = "fluxbase-backup";
/** Far more than the longest line there is, which is a bundle of code. */
const MAX_LINE = 256 * 1024 * 1024;

/** How many lines there are of each kind; none of those that an older format didn't have. */
export type Counts = Readonly<Record<Kind, number>>;

/** What the first line says. */
export interface BackupHead {
  readonly createdAt: Date;
}

/** Counts and hashes what goes by. */
class Tally {
  readonly #hashes: ReadonlyMap<Kind, { hash: Hash; count: number }>;

  /** @param kinds Those of the format's version. */
  constructor(kinds: readonly Kind[]) {
    this.#hashes = new Map(kinds.map((kind) => [kind, { hash: createHash("sha256"), count: 0 }]));
  }

  /** Whether lines of this kind may come. */
  takes(kind: Kind): boolean {
    return this.#hashes.has(kind);
  }

  add(kind: Kind, line: string): void {
    const own = this.#hashes.get(kind)!;
    own.hash.update(line).update("\n");
    own.count++;
  }

  close(): { counts: Counts; manifest: string } {
    const all = [...this.#hashes].map(([kind, { hash, count }]) =>
      [kind, { count, sha256: hash.digest("hex") }] as const
    );
    const none = KINDS.map((kind) => [kind, 0] as const);
    const counts = Object.fromEntries([...none, ...all.map(([kind, { count }]) => [kind, count])]);
    const manifest = JSON.stringify({ manifest: Object.fromEntries(all) });
    return { counts: counts as Counts, manifest };
  }
}

/** Writes records as text, a batch at a time. */
export async function* writeLines(
  head: BackupHead,
  batches: AsyncIterable<readonly BackupRecord[]>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const tally = new Tally(KINDS);
  const first = { format: FORMAT, version: FORMAT_VERSION, created_at: head.createdAt };
  yield encoder.encode(JSON.stringify(first) + "\n");
  for await (const batch of batches) {
    let text = "";
    for (const { kind, data } of batch) {
      const line = JSON.stringify([kind, data]);
      tally.add(kind, line);
      text += line + "\n";
    }
    yield encoder.encode(text);
  }
  yield encoder.encode(tally.close().manifest + "\n");
}

/** Reads a backup's records, and then knows how many there were. */
export class BackupReader {
  readonly #stream: ReadableStream<Uint8Array>;
  #head: BackupHead | undefined;
  #tally: Tally | undefined;
  #counts: Counts | undefined;

  /** @param stream The decrypted text. */
  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  /** What the first line said. */
  get head(): BackupHead {
    return this.#head ?? unread();
  }

  /** How many records there were; known once they are all read. */
  get counts(): Counts {
    return this.#counts ?? unread();
  }

  /**
   * The records, in batches. Whoever acts on them must undo it when this throws, which it may do
   * after the last one.
   *
   * @throws {AppError} INVALID_INPUT when the backup was cut or changed, or isn't one.
   */
  async *batches(): AsyncGenerator<BackupRecord[]> {
    for await (const lines of linesOf(this.#stream)) {
      const batch = lines.flatMap((line) => this.#read(line));
      if (batch.length > 0) yield batch;
    }
    if (this.#counts === undefined) throw refusedBackup("its end is missing");
  }

  #read(line: string): BackupRecord[] {
    if (this.#counts !== undefined) throw refusedBackup("there is more after its end");
    const parsed = parseLine(line);
    if (this.#tally === undefined) {
      const { kinds, ...head } = readHead(parsed);
      this.#head = head;
      this.#tally = new Tally(kinds);
      return [];
    }
    if (!Array.isArray(parsed)) {
      const { counts, manifest } = this.#tally.close();
      if (line !== manifest) throw refusedBackup("it doesn't hold what its last line says");
      this.#counts = counts;
      return [];
    }
    const [kind, data]: unknown[] = parsed;
    const known = KINDS.find((each) => each === kind);
    const record = known && this.#tally.takes(known) ? parseRecord(known, data) : null;
    if (record === null) throw refusedBackup("a line is not what this release knows");
    this.#tally.add(record.kind, line);
    return [record];
  }
}

/** Reads everything and tells what there is; throws as {@linkcode BackupReader.batches} does. */
export async function checkBackup(
  stream: ReadableStream<Uint8Array>,
): Promise<BackupHead & { counts: Counts }> {
  const reader = new BackupReader(stream);
  for await (const _batch of reader.batches());
  return { ...reader.head, counts: reader.counts };
}

function readHead(parsed: unknown): BackupHead & { readonly kinds: readonly Kind[] } {
  const head = parsed as { format?: unknown; version?: unknown; created_at?: unknown } | null;
  if (head?.format !== FORMAT) throw refusedBackup("it is no backup of this product");
  const kinds = kindsOf(head.version);
  if (kinds === null) throw refusedBackup("a newer release has made it");
  return { createdAt: new Date(String(head.created_at)), kinds };
}

/** The parser's own message quotes the line. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw refusedBackup("a line is not JSON");
  }
}

/** Whole lines, those of a chunk together. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunksOf(stream)) {
    const text = decode(decoder, chunk);
    const end = text.lastIndexOf("\n");
    length += text.length;
    if (length > MAX_LINE) throw refusedBackup("a line is too long");
    if (end < 0) {
      parts.push(text);
      continue;
    }
    yield (parts.join("") + text.slice(0, end)).split("\n");
    parts = [text.slice(end + 1)];
    length = parts[0]!.length;
  }
  if (length > 0) throw refusedBackup("its end is missing");
}

function decode(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw refusedBackup("it is not UTF-8 text");
  }
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw refusedBackup("it was cut or changed", cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function unread(): never {
  throw new TypeError("Backup is not read yet");
}
