/** Each child has Deno's caches to itself, and takes them along when it goes. */
import { assert, assertEquals } from "@std/assert";
import { Child } from "../../lib/runtime/child.ts";
import { DenoCache } from "../../lib/runtime/deno_cache.ts";
import { openSpares, SETPRIV, SHAPE } from "../support/children.ts";

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
}

/** Where Deno was told to keep its caches, as the kernel knows it. */
async function denoDirOf(child: Child): Promise<string> {
  const environment = await Deno.readTextFile(`/proc/${child.pid}/environ`);
  const found = environment.split("\0").find((each) => each.startsWith("DENO_DIR="));
  return found!.slice("DENO_DIR=".length);
}

async function end(child: Child): Promise<void> {
  child.retire();
  await child.exited;
}

Deno.test("each child has a directory for Deno's caches of its own, for as long as it lives", async () => {
  await withDirectory(async (directory) => {
    const spares = openSpares(directory, 0);
    const [first, second] = await Promise.all([spares.take(SHAPE), spares.take(SHAPE)]);
    const paths = await Promise.all([first, second].map(denoDirOf));
    const names = paths.map((path) => path.slice(directory.length + 1));
    assert(names.every((name) => /^[0-9a-f-]+\.deno$/.test(name)), names.join());
    assertEquals(new Set(names).size, 2);
    assertEquals(await namesIn(directory), [...names, "model.deno"].sort());
    const model = await namesIn(`${directory}/model.deno`);
    assert(model.length > 0);
    for (const path of paths) {
      const files = await namesIn(path);
      assertEquals(model.filter((name) => !files.includes(name)), []);
      assertEquals((await Deno.stat(path)).mode! & 0o777, 0o700);
    }
    await end(first);
    assertEquals(await namesIn(directory), [names[1]!, "model.deno"].sort());
    second.kill();
    await second.exited;
    assertEquals(await namesIn(directory), ["model.deno"]);
    const third = await spares.take(SHAPE);
    assertEquals((await namesIn(directory)).length, 2);
    await end(third);
    await spares.close();
    assertEquals(await namesIn(directory), ["model.deno"]);
  });
});

Deno.test("DenoCache.make() fills one model and gives each its own copy of the files", async () => {
  await withDirectory(async (directory) => {
    const filled: string[] = [];
    const cache = new DenoCache(directory, async (denoDir) => {
      filled.push(denoDir);
      await Deno.writeTextFile(`${denoDir}/a`, "one");
      await Deno.writeTextFile(`${denoDir}/b`, "two");
      await Deno.mkdir(`${denoDir}/below`);
    });
    const [first, second] = await Promise.all(["1", "2"].map((id) => cache.make(id)));
    assertEquals([first, second], ["1", "2"].map((id) => `${directory}/${id}.deno`));
    await Deno.writeTextFile(`${first}/a`, "changed");
    await Deno.remove(`${first}/b`);
    const third = await cache.make("3");
    for (const path of [second, third, `${directory}/model.deno`]) {
      assertEquals(await Deno.readTextFile(`${path}/a`), "one");
      assertEquals(await Deno.readTextFile(`${path}/b`), "two");
    }
    assertEquals(filled, [`${directory}/model.deno`]);
    await cache.remove(first!);
    await cache.remove(first!);
    assertEquals(await namesIn(directory), ["2.deno", "3.deno", "model.deno"]);
  });
});

Deno.test("a child starts without caches where they can't be made", async (t) => {
  const cases: Record<string, (directory: string) => DenoCache> = {
    "the first child fails": (directory) =>
      new DenoCache(directory, () => Promise.reject(new Error("It did not connect"))),
    "there is no directory": (directory) =>
      new DenoCache(`${directory}/missing`, () => Promise.resolve()),
    "the model is gone": (directory) =>
      new DenoCache(directory, async (denoDir) => {
        await Deno.remove(denoDir);
      }),
  };
  for (const [name, open] of Object.entries(cases)) {
    await t.step(name, () =>
      withDirectory(async (directory) => {
        const cache = open(directory);
        for (const id of ["1", "2"]) assertEquals(await cache.make(id), null);
        const host = { deno: Deno.execPath(), setpriv: SETPRIV, directory, cache };
        const child = await Child.spawn(host, SHAPE);
        assert(child.connected);
        assertEquals(await denoDirOf(child), "/dev/null/deno");
        await end(child);
        assertEquals((await namesIn(directory)).filter((each) => each !== "model.deno"), []);
      }));
  }
});

Deno.test("nothing is left of the caches of a child that could not be started", async () => {
  await withDirectory(async (directory) => {
    const cache = new DenoCache(directory, (denoDir) => Deno.writeTextFile(`${denoDir}/a`, "one"));
    const host = { deno: `${directory}/no-deno`, setpriv: null, directory, cache };
    let failed = false;
    await Child.spawn(host, SHAPE).catch(() => failed = true);
    assert(failed);
    assertEquals(await namesIn(directory), ["model.deno"]);
  });
});
