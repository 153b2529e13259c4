/**
 * Keeps a directory for one owner.
 *
 * The lock is the operating system's (`flock`), on a file that stays: it is freed with the owner's
 * last breath, also under `kill -9`, so there is nothing stale to judge.
 *
 * @module
 */

/** A directory that another process holds. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
  /** The process that holds it; 0 when it is not known. */
  readonly holder: number;

  constructor(holder: number) {
    super("The directory is in use");
    this.holder = holder;
  }
}

/** Options of {@linkcode lockDirectory}. */
export interface LockOptions {
  /** Milliseconds in which a predecessor may finish ending. */
  readonly patienceMs: number;
}

const RETRY_MS = 50;

/**
 * Takes the lock at `path` for as long as the returned file is open.
 *
 * @throws {DirectoryInUse} when another holds it.
 */
export async function lockDirectory(path: string, options: LockOptions): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
  const end = performance.now() + options.patienceMs;
  while (!await file.tryLock(true)) {
    if (performance.now() > end) {
      file.close();
      throw new DirectoryInUse(await readHolder(path));
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  await file.truncate();
  await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return file;
}

async function readHolder(path: string): Promise<number> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return Number.parseInt(text, 10) || 0;
}
