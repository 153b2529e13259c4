import { assertEquals } from "@std/assert";
import { problemOf } from "./layers.ts";
import plugin from "./layers_plugin.ts";

const ROOT = new URL("../../", import.meta.url);

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly code?: { readonly specifier?: string } }[];
  }[];
}

async function graphOf(entry: string): Promise<Map<string, string[]>> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    stderr: "null",
  }).output();
  assertEquals(success, true, `deno info ${entry}`);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
  const own = modules.filter(({ specifier }) => specifier.startsWith(ROOT.href));
  return new Map(own.map(({ specifier, dependencies = [] }) => [
    specifier.slice(ROOT.href.length),
    dependencies.map(({ code }) => code?.specifier ?? "").filter((s) => s.startsWith(ROOT.href))
      .map((s) => s.slice(ROOT.href.length)),
  ]));
}

/** The first cycle that is found, as a path that begins and ends with the same file. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    const at = path.indexOf(file);
    if (at !== -1) return [...path.slice(at), file];
    if (done.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== null) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

Deno.test("no file imports itself by way of others", async (t) => {
  for (const entry of ["main.ts", "cli.ts"]) {
    await t.step(entry, async () => assertEquals(cycleIn(await graphOf(entry)), null));
  }
  await t.step("a planted cycle is found", () => {
    const graph = new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]]);
    assertEquals(cycleIn(graph), ["b", "c", "b"]);
  });
});

Deno.test("problemOf() lets imports go down only", () => {
  assertEquals(problemOf("/x/lib/http/a.ts", "/x/lib/vault/b.ts"), null);
  assertEquals(problemOf("/x/lib/crypto/a.ts", "/x/lib/crypto/b.ts"), null);
  assertEquals(problemOf("/x/main.ts", "/x/lib/http/app.ts"), null);
  assertEquals(
    problemOf("/x/lib/crypto/a.ts", "/x/lib/store/b.ts"),
    "lib/crypto may not import lib/store",
  );
  assertEquals(
    problemOf("/x/lib/store/a.ts", "/x/lib/runtime/b.ts"),
    "lib/store may not import lib/runtime",
  );
});

Deno.test("the lint rule reports a planted import that goes up", () => {
  const source = `import { x } from "../store/sql.ts";\nexport * from "../http/app.ts";`;
  const reports = Deno.lint.runPlugin(plugin, "/x/lib/crypto/aead.ts", source);
  assertEquals(reports.map(({ message }) => message), [
    "lib/crypto may not import lib/store",
    "lib/crypto may not import lib/http",
  ]);
});

Deno.test("the child's bootstrap imports nothing from outside its folder", async () => {
  const graph = await graphOf("lib/runtime/guest/bootstrap.mjs");
  const outside = [...graph.keys()].filter((file) => !file.startsWith("lib/runtime/guest/"));
  assertEquals(outside, []);
});

Deno.test("the overview of the command line loads no parser", async () => {
  const graph = await graphOf("lib/cli/help.ts");
  const loaded = new Set(["lib/cli/help.ts"]);
  for (const file of loaded) for (const next of graph.get(file) ?? []) loaded.add(next);
  assertEquals(loaded.has("lib/cli/table.ts"), true);
  assertEquals([...loaded].filter((file) => /parse|suggest|std/.test(file)), []);
});

Deno.test("only the configuration reads the server's environment", async () => {
  const graph = await graphOf("main.ts");
  const readers: string[] = [];
  for (const file of graph.keys()) {
    if (/\bDeno\.env\b/.test(await Deno.readTextFile(new URL(file, ROOT)))) readers.push(file);
  }
  assertEquals(readers.filter((file) => !file.startsWith("lib/runtime/guest/")), ["main.ts"]);
});

Deno.test("every import is pinned and comes from npm or from here", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  for (const [name, target] of Object.entries(imports as Record<string, string>)) {
    const pinned = /^npm:\/?(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+\/?$/.test(target);
    assertEquals(pinned || target.startsWith("./lib/std/"), true, `${name}: ${target}`);
  }
});

Deno.test("every test is run by one part of the test task", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const words = [tasks["test:servers"], tasks["test:rooms"]].join(" ").split(" ");
  const named = words.filter((word) => word.startsWith("tests/")).map((word) => word.slice(6));
  const there: string[] = [];
  for await (const { name } of Deno.readDir(new URL("tests/", ROOT))) {
    if (!["support", "vectors"].includes(name)) there.push(name);
  }
  assertEquals(named.sort(), there.sort());
});
