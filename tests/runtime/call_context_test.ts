/** Which call runs: carried along by promises, and beside what user code carries along itself. */
import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals, assertThrows } from "@std/assert";
import { makeCallContext } from "../../lib/runtime/guest/call_context.mjs";

type Make = <T>() => ReturnType<typeof makeCallContext<T>>;

/** Registers a test for the engine's own variable, and for what takes its place without one. */
function test(name: string, body: (make: Make) => Promise<void>): void {
  Deno.test(name, () => body(() => makeCallContext()));
  Deno.test(`${name}, without the engine's variable`, () => body(() => makeCallContext({})));
}

test("a call is there while its work runs and in what that leaves behind, and nowhere else", async (make) => {
  const { get, run } = await make<number>();
  const gate = Promise.withResolvers<void>();
  assertEquals(get(), undefined);
  const works = [1, 2, 3].map((call) =>
    run(call, async (name: string) => {
      const seen = [get()];
      await gate.promise;
      seen.push(get());
      await new Promise<void>((resolve) => setTimeout(() => resolve(void seen.push(get())), 1));
      return [name, ...seen, get()];
    }, `call ${call}`)
  );
  assertEquals(get(), undefined);
  run(4, () => gate.resolve());
  assertEquals(await Promise.all(works), [1, 2, 3].map((n) => [`call ${n}`, n, n, n, n]));
  assertEquals(get(), undefined);
});

test("a call within another one ends with its work, also when that throws", async (make) => {
  const { get, run } = await make<number>();
  run(1, () => {
    assertEquals(run(2, () => run(3, get)), 3);
    assertThrows(
      () =>
        run(2, () => {
          throw new RangeError("no");
        }),
      RangeError,
    );
    assertEquals(get(), 1);
  });
  assertEquals(get(), undefined);
});

test("two contexts and an AsyncLocalStorage leave each other's values alone", async (make) => {
  const [one, two] = [await make<number>(), await make<number>()];
  const storage = new AsyncLocalStorage<string>();
  const seen = () => [one.get(), two.get(), storage.getStore()];
  const late = async () => {
    await null;
    return seen();
  };
  const cases: [unknown, unknown[]][] = [
    [one.run(1, () => storage.run("own", () => two.run(2, late))), [1, 2, "own"]],
    [storage.run("own", () => one.run(1, () => two.run(2, late))), [1, 2, "own"]],
    [storage.run("own", () => one.run(1, late)), [1, undefined, "own"]],
    [two.run(2, late), [undefined, 2, undefined]],
    [late(), [undefined, undefined, undefined]],
  ];
  for (const [promise, expected] of cases) assertEquals(await promise, expected);
});

test("what a call's work enters is left when the work has returned", async (make) => {
  const { run, get } = await make<number>();
  const storage = new AsyncLocalStorage<string>();
  const seen = run(1, async () => {
    storage.enterWith("entered");
    await null;
    return [get(), storage.getStore()];
  });
  assertEquals([get(), storage.getStore()], [undefined, undefined]);
  assertEquals(await seen, [1, "entered"]);
});
