/** A stock of children that wait for code. */
import { assert } from "@std/assert";
import { Spares } from "../../lib/runtime/spares.ts";
import { SETPRIV, SHAPE } from "../support/children.ts";

/** A Deno that fails to start once. */
async function writeFailingOnce(directory: string): Promise<string> {
  const path = `${directory}/deno`;
  const script =
    `#!/bin/sh\nmkdir "$0.failed" 2>/dev/null && exit 1\nexec "${Deno.execPath()}" "$@"\n`;
  await Deno.writeTextFile(path, script, { mode: 0o700 });
  return path;
}

Deno.test("whoever takes a spare that then fails to start gets a child started for them", async () => {
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  const deno = await writeFailingOnce(directory);
  const spares = new Spares({ deno, setpriv: SETPRIV, directory }, 1);
  try {
    spares.stock(SHAPE);
    const child = await spares.take(SHAPE);
    assert(child.connected);
    child.retire();
    await child.exited;
    assert((await Deno.stat(`${deno}.failed`)).isDirectory);
  } finally {
    await spares.close();
    await Deno.remove(directory, { recursive: true });
  }
});
