import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AppError } from "../../../lib/errors.ts";
import { CodeSource } from "../../../lib/runtime/code/code_source.ts";
import type { CodeEvent, CodeSourceOptions } from "../../../lib/runtime/code/function_code.ts";
import { type Files, Fixture, returning, runCode } from "./fixture.ts";

/** A source of code over a fixture, that looks at the files on every call. */
class Bench implements AsyncDisposable {
  readonly events: CodeEvent[] = [];
  readonly source: CodeSource;
  #waiting: (() => void)[] = [];

  constructor(fixture: Fixture, options: Partial<CodeSourceOptions> = {}) {
    this.source = new CodeSource({
      ...fixture.options,
      lookEveryMs: 0,
      ...options,
      onEvent: (event) => {
        this.events.push(event);
        this.#waiting.splice(0).forEach((wake) => wake());
      },
    });
  }

  async run(name: string, namespace: string | null = null): Promise<unknown> {
    return await runCode((await this.source.get(name, namespace)).code);
  }

  async failure(name: string, namespace: string | null = null): Promise<AppError> {
    return await assertRejects(() => this.source.get(name, namespace), AppError);
  }

  /** How often functions were bundled, not counting what came from the disk cache. */
  get bundled(): number {
    return this.events.filter((event) => event.type === "built" && !event.cached).length;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
  }
}

/** A `deno` whose first bundling waits, when the sources were read, until it is released. */
class HeldDeno {
  readonly deno: string;
  readonly #pipe: string;

  private constructor(deno: string, pipe: string) {
    this.deno = deno;
    this.#pipe = pipe;
  }

  static async make({ base }: Fixture): Promise<HeldDeno> {
    const [deno, pipe] = [`${base}/deno.sh`, `${base}/pipe`];
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const hold = `mkdir "${base}/held" 2>/dev/null && read -r _ < "${pipe}"`;
    const script = `#!/bin/sh
case "$*" in *bundler.mjs*) ${hold} ;; esac
exec "${Deno.execPath()}" "$@"
`;
    await Deno.writeTextFile(deno, script, { mode: 0o700 });
    return new HeldDeno(deno, pipe);
  }

  /** Waits until the bundling is held; closing what it gives releases it. */
  async reached(): Promise<Deno.FsFile> {
    return await Deno.open(this.#pipe, { write: true });
  }
}

async function withBench(
  files: Files,
  work: (bench: Bench, fixture: Fixture) => Promise<void>,
  options: Partial<CodeSourceOptions> = {},
): Promise<void> {
  await using fixture = await Fixture.with(files);
  await using bench = new Bench(fixture, options);
  await work(bench, fixture);
}

Deno.test("CodeSource.get() gives a namespace its own function and no other", async () => {
  const files = { "a.ts": returning("1"), "@x/a.ts": returning("2"), "b.ts": returning("3") };
  await withBench(files, async (bench) => {
    assertEquals([await bench.run("a"), await bench.run("a", "x")], [1, 2]);
    assertEquals((await bench.failure("b", "x")).code, "FUNCTION_NOT_FOUND");
    assertEquals((await bench.failure("c")).message, "Function not found");
    const { name, namespace } = await bench.source.get("a", "x");
    assertEquals([name, namespace], ["a", "x"]);
  });
});

Deno.test("CodeSource.get() finds nothing under a name that could be no function's", async () => {
  await withBench({ "a.ts": returning("1") }, async (bench) => {
    for (const name of ["", "a\0", "../functions/a", "a/../a", "_a", "a".repeat(5000)]) {
      assertEquals((await bench.failure(name)).code, "FUNCTION_NOT_FOUND");
    }
    for (const namespace of ["", "\0", "..", "../@x", "x".repeat(5000)]) {
      assertEquals((await bench.failure("a", namespace)).code, "FUNCTION_NOT_FOUND");
    }
    assertEquals(bench.events, []);
  });
});

Deno.test("CodeSource.peek() gives what get() gave, until a file changes", async () => {
  await withBench({ "a.ts": returning("1") }, async ({ source }, fixture) => {
    assertEquals(source.peek("a", null), undefined);
    const code = await source.get("a", null);
    assert(source.peek("a", null) === code);
    await fixture.write("a.ts", returning("22"));
    assertEquals(source.peek("a", null), undefined);
  });
});

Deno.test("CodeSource.get() serves an edit, a deletion and a new file at once", async () => {
  await withBench({ "a.ts": returning("1") }, async (bench, fixture) => {
    assertEquals(await bench.run("a"), 1);
    await fixture.write("a.ts", returning("22"));
    assertEquals(await bench.run("a"), 22);
    await fixture.write("a/index.js", returning("3"));
    assertMatch((await bench.failure("a")).message, /several files: a\.ts, a\/index\.js$/);
    await Deno.remove(`${fixture.root}/a.ts`);
    assertEquals(await bench.run("a"), 3);
    await Deno.remove(`${fixture.root}/a`, { recursive: true });
    assertEquals((await bench.failure("a")).code, "FUNCTION_NOT_FOUND");
    assertEquals(bench.source.peek("a", null), undefined);
    await fixture.write("a.mjs", returning("4"));
    assertEquals(await bench.run("a"), 4);
  });
});

Deno.test("CodeSource.get() builds anew what uses a shared module, and nothing else", async () => {
  const use = (name: string) => returning("x", `import { x } from "./_shared/${name}.ts";`);
  const files = {
    "a.ts": use("one"),
    "b.ts": use("two"),
    "_shared/one.ts": "export const x = 1;",
    "_shared/two.ts": "export const x = 2;",
  };
  await withBench(files, async (bench, fixture) => {
    assertEquals([await bench.run("a"), await bench.run("b")], [1, 2]);
    await fixture.write("_shared/one.ts", "export const x = 11;");
    assertEquals([await bench.run("a"), await bench.run("b")], [11, 2]);
    assertEquals(bench.bundled, 3);
  });
});

Deno.test("CodeSource.get() takes a deno.json that appears, changes and goes", async () => {
  const files = {
    "f/index.ts": returning("x", 'import x from "x";'),
    "_a.ts": "export default 1;",
  };
  await withBench(files, async (bench, fixture) => {
    assertMatch((await bench.failure("f")).message, /^f\/index\.ts:1:15: Import "x"/);
    await fixture.write("deno.json", '{"imports": {"x": "./_a.ts"}}');
    assertEquals(await bench.run("f"), 1);
    await fixture.write("_b.ts", "export default 2;");
    await fixture.write("f/deno.json", '{"imports": {"x": "../_b.ts"}}');
    assertEquals(await bench.run("f"), 2);
    await Deno.remove(`${fixture.root}/f/deno.json`);
    assertEquals(await bench.run("f"), 1);
  }, { retryMs: Infinity });
});

Deno.test("CodeSource.get() refuses a broken edit until it is mended", async () => {
  await withBench({ "a.ts": returning("1") }, async (bench, fixture) => {
    assertEquals(await bench.run("a"), 1);
    await fixture.write("a.ts", "export default (");
    assertEquals((await bench.failure("a")).code, "FUNCTION_INVALID");
    assertEquals(bench.source.peek("a", null), undefined);
    assertEquals((await bench.failure("a")).code, "FUNCTION_INVALID");
    await fixture.write("a.ts", returning("2"));
    assertEquals(await bench.run("a"), 2);
  }, { retryMs: Infinity });
});

Deno.test("CodeSource.get() mends when a missing module comes", async () => {
  await withBench(
    { "a.ts": returning("x", 'import x from "./_x.ts";') },
    async (bench, fixture) => {
      assertMatch((await bench.failure("a")).message, /Module not found "_x\.ts"/);
      await fixture.write("_x.ts", "export default 5;");
      assertEquals(await bench.run("a"), 5);
    },
    { retryMs: Infinity },
  );
});

Deno.test("CodeSource.get() remembers a failure, and tries again after a while", async () => {
  const files = { "a.ts": "export default (" };
  await withBench(files, async (bench) => {
    assert(await bench.failure("a") === await bench.failure("a"));
  }, { retryMs: Infinity });
  await withBench(files, async (bench) => {
    assert(await bench.failure("a") !== await bench.failure("a"));
  }, { retryMs: 0 });
});

Deno.test("CodeSource.get() joins callers at the same time in one build", async () => {
  await withBench({ "a.ts": returning("1") }, async (bench) => {
    const all = await Promise.all(Array.from({ length: 20 }, () => bench.source.get("a", null)));
    assertEquals([new Set(all.map(({ hash }) => hash)).size, bench.bundled], [1, 1]);
  });
});

Deno.test("CodeSource.get() never gives a caller what was read before its call", async () => {
  await using fixture = await Fixture.with({ "a.ts": returning("1") });
  const gate = await HeldDeno.make(fixture);
  await using bench = new Bench(fixture, { deno: gate.deno });
  const early = bench.run("a");
  const held = await gate.reached();
  await fixture.write("a.ts", returning("22"));
  const late = bench.run("a");
  held.close();
  assertEquals([await early, await late], [1, 22]);
});

Deno.test("CodeSource is told of changes by the file system", async () => {
  await withBench({ "a.ts": returning("1") }, async (bench, fixture) => {
    assertEquals(await bench.run("a"), 1);
    await fixture.write("a.ts", returning("2"));
    await bench.until(() => bench.source.peek("a", null) === undefined);
    assertEquals(await bench.run("a"), 2);
  }, { lookEveryMs: Infinity });
});

Deno.test("CodeSource finds functions of a directory that is made later", async () => {
  await using fixture = await Fixture.with({});
  await Deno.remove(fixture.root);
  await using bench = new Bench(fixture);
  assertEquals((await bench.failure("a")).code, "FUNCTION_NOT_FOUND");
  assertEquals(await bench.source.list(), { functions: [], problems: [] });
  await fixture.write("a.ts", returning("1"));
  assertEquals(await bench.run("a"), 1);
  assertEquals((await bench.source.list()).functions.map(({ name }) => name), ["a"]);
});

Deno.test("CodeSource serves a restart from disk, for this user's eyes alone", async () => {
  await using fixture = await Fixture.with({
    "a.ts": returning("x", 'import { x } from "./_x.ts";'),
    "_x.ts": "export const x = 1;",
  });
  const once = async () => {
    await using bench = new Bench(fixture);
    return [await bench.run("a"), bench.bundled];
  };
  assertEquals([await once(), await once()], [[1, 1], [1, 0]]);
  const { cacheDir } = fixture.options;
  const files = await Array.fromAsync(Deno.readDir(cacheDir));
  assertEquals(files.length, 1);
  assertEquals((await Deno.stat(cacheDir)).mode! & 0o777, 0o700);
  assertEquals((await Deno.stat(`${cacheDir}/${files[0]?.name}`)).mode! & 0o777, 0o600);
  await fixture.write("_x.ts", "export const x = 2;");
  assertEquals(await once(), [2, 1]);
});

const TAMPERINGS: readonly [what: string, change: (text: string) => string][] = [
  ["other code", (text) => text.replace("=> 1", "=> 9")],
  ["more code", (text) => `${text}\n//`],
  ["other sources' digests", (text) => text.replace(/("a\.ts":")./, "$1x")],
  ["another Deno's mark", (text) => text.replace(/"tool":"[^"]*"/, '"tool":"0.0.0"')],
  ["no code", (text) => text.slice(0, 20)],
  ["nothing", () => ""],
];

for (const [what, change] of TAMPERINGS) {
  Deno.test(`CodeSource bundles anew when its file on disk holds ${what}`, async () => {
    await using fixture = await Fixture.with({ "a.ts": returning("1") });
    {
      await using bench = new Bench(fixture);
      await bench.run("a");
    }
    const { cacheDir } = fixture.options;
    const [file] = await Array.fromAsync(Deno.readDir(cacheDir));
    const path = `${cacheDir}/${file?.name}`;
    const text = await Deno.readTextFile(path);
    assert(change(text) !== text);
    await Deno.writeTextFile(path, change(text));
    await using bench = new Bench(fixture);
    assertEquals([await bench.run("a"), bench.bundled], [1, 1]);
  });
}

Deno.test("CodeSource works when nothing can be kept on disk, and says so", async () => {
  await using fixture = await Fixture.with({ "a.ts": returning("1") });
  await using bench = new Bench(fixture);
  await bench.run("a");
  const [file] = await Array.fromAsync(Deno.readDir(fixture.options.cacheDir));
  const path = `${fixture.options.cacheDir}/${file?.name}`;
  await Deno.remove(path);
  await Deno.mkdir(path);
  await fixture.write("a.ts", returning("2"));
  assertEquals(await bench.run("a"), 2);
  assert(bench.events.some(({ type }) => type === "uncached"));
});

Deno.test("CodeSource.close() ends a build that is running", async () => {
  await using fixture = await Fixture.with({ "a.ts": returning("1") });
  const gate = await HeldDeno.make(fixture);
  const bench = new Bench(fixture, { deno: gate.deno });
  const failed = bench.failure("a");
  using _held = await gate.reached();
  await bench.source.close();
  assertEquals((await failed).code, "SHUTTING_DOWN");
});

Deno.test("CodeSource bundles the example functions", async () => {
  await using fixture = await Fixture.with({});
  const root = new URL("../../../examples/functions", import.meta.url).pathname;
  await using bench = new Bench(fixture, { root });
  const { functions, problems } = await bench.source.list();
  assertEquals(problems, []);
  assertEquals(functions.map(({ name }) => name), ["charge", "hello", "send_email", "short_id"]);
  for (const { name } of functions) {
    assertMatch((await bench.source.get(name, null)).code, /export \{\n\s+handler as default\n\};/);
  }
});
