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

async function openFilesOf(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  const links = (await namesIn(directory)).map((name) =>
    Deno.readLink(`${directory}/${name}`).catch(() => "closed meanwhile")
  );
  return await Promise.all(links);
}

/** A program that makes each of these directories once, as soon as it is gone. */
function makeAnew(paths: readonly string[]): string {
  return `
    const left = new Set(${JSON.stringify(paths)});
    console.log("begun");
    while (left.size > 0) {
      for (const path of left) {
        try {
          Deno.mkdirSync(path);
          left.delete(path);
        } catch {
          // It is still there.
        }
      }
    }`;
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
    assert((await namesIn(`${directory}/model.deno`)).length > 0);
    for (const [path, { pid }] of [[paths[0]!, first], [paths[1]!, second]] as const) {
      // Closed: a file, in which nothing can be made, while what is open stays open.
      const { isFile, size, mode } = await Deno.stat(path);
      assertEquals([isFile, size, mode! & 0o777], [true, 0, 0o400]);
      const open = await openFilesOf(pid);
      assert(open.some((name) => name.startsWith(`${path}/`)), open.join());
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
    const [first, second] = await Promise.all([cache.make("1"), cache.make("2")]);
    assertEquals([first.path, second.path], ["1", "2"].map((id) => `${directory}/${id}.deno`));
    assertEquals((await Deno.stat(first.path)).mode! & 0o777, 0o700);
    await Deno.writeTextFile(`${first.path}/a`, "changed");
    await Deno.remove(`${first.path}/b`);
    const third = await cache.make("3");
    for (const path of [second.path, third.path, `${directory}/model.deno`]) {
      assertEquals(await Deno.readTextFile(`${path}/a`), "one");
      assertEquals(await Deno.readTextFile(`${path}/b`), "two");
    }
    assertEquals(filled, [`${directory}/model.deno`]);
    await first.remove();
    await first.remove();
    assertEquals(await namesIn(directory), ["2.deno", "3.deno", "model.deno"]);
  });
});

Deno.test("a directory is closed although the child makes it anew meanwhile", async () => {
  await withDirectory(async (directory) => {
    const cache = new DenoCache(directory, (denoDir) => Deno.writeTextFile(`${denoDir}/a`, "one"));
    const copies = await Promise.all(Array.from({ length: 50 }, (_, i) => cache.make(`${i}`)));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", makeAnew(copies.map(({ path }) => path))],
      stdout: "piped",
    }).spawn();
    const out = child.stdout.getReader();
    await out.read();
    const closed = await Promise.allSettled(copies.map((copy) => copy.close()));
    try {
      child.kill("SIGKILL");
    } catch {
      // It has made all of them and ended.
    }
    await out.cancel();
    await child.status;
    assertEquals(closed.filter(({ status }) => status === "rejected"), []);
    for (const { path } of copies) assert((await Deno.stat(path)).isFile);
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
        for (const id of ["1", "2"]) assertEquals((await cache.make(id)).path, "/dev/null/deno");
        const host = { deno: Deno.execPath(), setpriv: SETPRIV, directory, cache };
        const child = await Child.spawn(host, SHAPE);
        assert(child.connected);
        assertEquals(await denoDirOf(child), "/dev/null/deno");
        await end(child);
        assertEquals((await namesIn(directory)).filter((each) => each !== "model.deno"), []);
      }));
  }
});

Deno.test("a model that could not be made is made for the next child", async () => {
  await withDirectory(async (directory) => {
    let attempts = 0;
    const cache = new DenoCache(directory, async (denoDir) => {
      await Deno.writeTextFile(`${denoDir}/a`, "one");
      if (++attempts === 1) throw new Error("The disk is full");
    });
    assertEquals((await cache.make("1")).path, "/dev/null/deno");
    assertEquals((await cache.make("2")).path, `${directory}/2.deno`);
    assertEquals(attempts, 2);
  });
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
