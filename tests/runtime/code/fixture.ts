/**
 * A functions directory of its own, with what bundling needs around it.
 *
 * @module
 */
import type { BundleOptions } from "../../../lib/runtime/code/bundle.ts";
import { pickToolEnvironment } from "../../../lib/runtime/code/deno_tool.ts";

/** Files by relative path. */
export type Files = Readonly<Record<string, string>>;

/** A temporary directory with a functions directory in it. */
export class Fixture implements AsyncDisposable {
  /** The folder that holds all of it; anything outside `root` is off limits to functions. */
  readonly base: string;
  readonly root: string;
  readonly options: BundleOptions;

  private constructor(base: string) {
    this.base = base;
    this.root = `${base}/functions`;
    this.options = {
      root: this.root,
      cacheDir: `${base}/cache`,
      deno: Deno.execPath(),
      env: pickToolEnvironment(Deno.env.toObject()),
    };
  }

  static async with(files: Files): Promise<Fixture> {
    const fixture = new Fixture(await Deno.realPath(await Deno.makeTempDir()));
    await Deno.mkdir(fixture.root);
    for (const [file, text] of Object.entries(files)) await fixture.write(file, text);
    return fixture;
  }

  /** Writes a file, relative to the functions directory. */
  async write(file: string, text: string): Promise<void> {
    const path = `${this.root}/${file}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.base, { recursive: true });
  }
}

/** Imports bundled code the way that a child does, and calls its handler. */
export async function runCode(code: string): Promise<unknown> {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    const module: { default(): unknown } = await import(url);
    return await module.default();
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** A function that returns the value of an expression. */
export function returning(expression: string, imports = ""): string {
  return `${imports}\nexport default () => ${expression};\n`;
}
