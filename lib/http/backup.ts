/**
 * The API of backups, for `/api/v1/admin/backup`. What goes out and comes in is encrypted as a
 * whole; a passphrase comes in a body, since URLs and headers are logged.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import * as z from "zod";
import type { Backups } from "../backup/backups.ts";
import type { Lock, Unlock } from "../backup/cipher.ts";
import { AppError } from "../errors.ts";
import { readJson } from "./body.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";

type Handle = Handler<AppEnv>;

const passphrase = z.string({ error: "must be a string" }).optional();
const texts = z.array(z.string({ error: "must be strings" }).max(4_096)).max(32).optional();
const lockBody = z.object({ passphrase, recipients: texts });
const unlockLine = z.object({ passphrase, identities: texts });
/** The longest first line. */
const MAX_LINE = 256 * 1024;
const TYPE = "application/octet-stream";

/** Serves `POST /` and `POST /restore`. */
export function backupRoutes(backups: Backups): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { POST: create(backups) });
  mountMethods(app, "/restore", { POST: restore(backups) });
  return app;
}

function create(backups: Backups): Handle {
  return async function createBackup(c) {
    const lock = lockOf(await readJson(c, lockBody));
    const stream = await backups.create(c.get("principal"), lock);
    return c.body(stream, 200, { "content-type": TYPE, "cache-control": "no-store" });
  };
}

/** The body: one line of JSON with what opens the backup, and then the backup. */
function restore(backups: Backups): Handle {
  return async function restoreBackup(c) {
    if (c.req.header("content-type") !== TYPE || c.req.raw.body === null) {
      throw new AppError("UNSUPPORTED_MEDIA_TYPE", `Content-Type must be ${TYPE}`);
    }
    const { line, rest } = await splitLine(c.req.raw.body);
    const counts = await backups.restore(c.get("principal"), unlockOf(line), rest);
    return c.json({ restored: counts });
  };
}

function lockOf({ passphrase, recipients }: z.infer<typeof lockBody>): Lock {
  if (passphrase !== undefined && recipients === undefined) return { passphrase };
  if (recipients !== undefined && passphrase === undefined) return { recipients };
  throw new AppError("INVALID_INPUT", "Give a passphrase, or recipients");
}

function unlockOf(line: string): Unlock {
  try {
    const { passphrase, identities } = unlockLine.parse(JSON.parse(line));
    if (passphrase !== undefined && identities === undefined) return { passphrase };
    if (identities !== undefined && passphrase === undefined) return { identities };
  } catch {
    // The parsers' messages could quote it.
  }
  throw new AppError("INVALID_REQUEST_BODY", "First line must give a passphrase, or identities");
}

async function splitLine(
  stream: ReadableStream<Uint8Array>,
): Promise<{ line: string; rest: ReadableStream<Uint8Array> }> {
  const reader = stream.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const end = held.indexOf(0x0a);
    if (end >= 0) {
      const line = new TextDecoder().decode(held.subarray(0, end));
      return { line, rest: joined(held.subarray(end + 1), reader) };
    }
    const { done, value } = await reader.read();
    if (done || held.length > MAX_LINE) throw new AppError("INVALID_REQUEST_BODY", "No first line");
    const both = new Uint8Array(held.length + value.length);
    both.set(held);
    both.set(value, held.length);
    held = both;
  }
}

function joined(
  first: Uint8Array<ArrayBuffer>,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      if (first.length > 0) controller.enqueue(first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
