/**
 * Values made to be recognised wherever they turn up, whole or in part, in whatever coding.
 *
 * @module
 */

/** Letters that a half is made of; lower-case, so that no coding but base64 and hex changes them. */
const ALPHABET = "abcdefghijkmnpqrstuvwxyz";
const HALF = 20;
/** A group of base64 at either end depends on what stands beside it, and is left out. */
const GROUP = 4;

/** A value to be looked for. */
export class Canary {
  readonly name: string;
  /** Each of them alone is a find. */
  readonly parts: readonly string[];
  readonly #marks: readonly string[];

  /**
   * @param name What it is called in reports.
   * @param parts Texts that are there already; left out, two halves are made up.
   */
  constructor(name: string, parts: readonly string[] = [randomText(), randomText()]) {
    this.name = name;
    this.parts = parts;
    this.#marks = parts.flatMap(marksOf);
  }

  /** The parts with `between` them. */
  with(between = ""): string {
    return this.parts.join(between);
  }

  /** Whether it, or half of it, is in `text`. */
  isIn(text: string): boolean {
    return this.#marks.some((mark) => text.includes(mark));
  }
}

/** Looks for some texts in anything. */
export class Search {
  readonly #canaries: readonly Canary[];
  /** What was found and where; empty when all is well. */
  readonly finds: string[] = [];
  /** How much was looked through, characters. */
  seen = 0;

  constructor(canaries: readonly Canary[]) {
    this.#canaries = canaries;
  }

  /** Looks through `data`; bytes are taken as Latin-1, in which ASCII text stays as it is. */
  look(where: string, data: string | Uint8Array): void {
    const text = typeof data === "string" ? data : new TextDecoder("latin1").decode(data);
    this.seen += text.length;
    for (const canary of this.#canaries) {
      if (canary.isIn(text)) this.finds.push(`${canary.name} in ${where}`);
    }
  }

  /** Looks through all files below a directory but those that `skip` names. */
  async lookBelow(directory: string, skip: readonly string[] = []): Promise<void> {
    for await (const { name, isDirectory, isFile } of Deno.readDir(directory)) {
      const path = `${directory}/${name}`;
      if (skip.includes(path)) continue;
      this.look("a file's name", name);
      if (isDirectory) await this.lookBelow(path, skip);
      else if (isFile) this.look(path, await Deno.readFile(path));
    }
  }

  /** Looks through the arguments and the environment of a process and all below it. */
  async lookAtProcess(pid: number): Promise<void> {
    for (const file of ["cmdline", "environ", "comm"]) {
      this.look(`${file} of a process`, await Deno.readTextFile(`/proc/${pid}/${file}`));
    }
    for (const child of await childrenOf(pid)) await this.lookAtProcess(child).catch(unlessGone);
  }
}

/** A process that has ended since it was listed has nothing left to look at. */
function unlessGone(error: unknown): void {
  const isGone = error instanceof Deno.errors.NotFound ||
    (error instanceof Error && "code" in error && error.code === "ESRCH");
  if (!isGone) throw error;
}

/** The processes that a process and its threads started. */
export async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const list = await Deno.readTextFile(`/proc/${pid}/task/${name}/children`).catch(() => "");
    found.push(...list.split(" ").filter(Boolean).map(Number));
  }
  return found;
}

function randomText(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(HALF));
  return [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/** The text plain, reversed, in hexadecimal, and in base64 wherever it may begin. */
function marksOf(text: string): string[] {
  const base64 = ["", "x", "xx"].map((before) => btoa(before + text + "x").slice(GROUP, -GROUP));
  const hex = new TextEncoder().encode(text).toHex();
  return [text, text.toUpperCase(), [...text].reverse().join(""), hex, ...base64];
}
