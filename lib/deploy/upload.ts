/**
 * Uploaded sources: checked, and written to a folder of their own.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** An uploaded file. */
export interface UploadedFile {
  /** Relative to the directory that is deployed, with `/` between the parts. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Most files of one upload. */
export const MAX_FILES = 5_000;
/** Most bytes of all files of one upload. */
export const MAX_TOTAL_BYTES = 32 * 1024 * 1024;
const MAX_PATH = 400;
const MAX_DEPTH = 20;

/**
 * Checks what was uploaded.
 *
 * @throws {AppError} DEPLOY_REFUSED with the path and the rule.
 */
export function checkUpload(files: readonly UploadedFile[]): void {
  if (files.length === 0) throw refused("There is no file to deploy");
  if (files.length > MAX_FILES) throw refused(`There are more than ${MAX_FILES} files`);
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > MAX_TOTAL_BYTES) throw refused("The files are over 32 MiB together");
  const seen = new Set<string>();
  for (const { path } of files) {
    if (!isPath(path)) throw refused(`${shown(path)}: is no path of a source file`);
    if (seen.has(path)) throw refused(`${shown(path)}: is there twice`);
    seen.add(path);
  }
}

/**
 * Writes uploaded files below an empty folder that nobody else can enter.
 *
 * @throws {AppError} DEPLOY_REFUSED when a path is a file and a folder at once.
 */
export async function writeUpload(folder: string, files: readonly UploadedFile[]): Promise<void> {
  for (const { path, bytes } of files) {
    const parent = path.split("/").slice(0, -1).join("/");
    try {
      await Deno.mkdir(`${folder}/${parent}`, { recursive: true, mode: 0o700 });
      await Deno.writeFile(`${folder}/${path}`, bytes, { mode: 0o600, createNew: true });
    } catch (error) {
      if (
        error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotADirectory
      ) {
        throw refused(`${shown(path)}: is a file and a folder at once`);
      }
      throw error;
    }
  }
}

/** Hidden files stay at home: an upload must never carry a `.env` or a `.git`. */
function isPath(path: string): boolean {
  const parts = path.split("/");
  return path.length <= MAX_PATH && parts.length <= MAX_DEPTH && path.isWellFormed() &&
    parts.every((part) => part.length <= 200 && /^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u.test(part));
}

/** A path may be anything before it is checked. */
function shown(path: string): string {
  return path.replace(/[\p{Cc}\p{Cf}]/gu, "?").slice(0, 100);
}

function refused(message: string): AppError {
  return new AppError("DEPLOY_REFUSED", message);
}
