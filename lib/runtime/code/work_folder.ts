/**
 * Private folders for the length of one build.
 *
 * @module
 */
const PREFIX = "build-";
/** Milliseconds past which a folder belongs to a server that was killed: ten times a deadline. */
const LEFT_OVER_MS = 10 * 60_000;

/**
 * Runs `work` with a new folder that only this user may enter, and removes it afterwards.
 *
 * @param parent Absolute. Made with mode 0700 when absent.
 */
export async function withFolder<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  await Deno.mkdir(parent, { recursive: true, mode: 0o700 });
  const made = await Deno.makeTempDir({ dir: parent, prefix: PREFIX });
  try {
    return await work(await Deno.realPath(made));
  } finally {
    await Deno.remove(made, { recursive: true });
  }
}

/** Removes what killed servers left in `parent`. */
export async function removeLeftOvers(parent: string, now: number): Promise<void> {
  await Deno.mkdir(parent, { recursive: true, mode: 0o700 });
  for await (const entry of Deno.readDir(parent)) {
    if (!entry.isDirectory || !entry.name.startsWith(PREFIX)) continue;
    const { mtime } = await Deno.lstat(`${parent}/${entry.name}`);
    if (mtime !== null && now - mtime.getTime() > LEFT_OVER_MS) {
      await Deno.remove(`${parent}/${entry.name}`, { recursive: true });
    }
  }
}
