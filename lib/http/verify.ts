/**
 * The API of verification, for `/api/v1/admin/verify`.
 *
 * @module
 */
import { Hono } from "hono";
import * as z from "zod";
import { AppError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Verification } from "../verify/verification.ts";
import type { VerifyEvent } from "../verify/verify.ts";
import { readJson } from "./body.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";

const acceptBody = z.object({
  place: z.string({ error: "must be a string" }),
  discard: z.boolean({ error: "must be true or false" }).optional(),
});

const encoder = new TextEncoder();

/** Serves `GET /`, which tells its findings as they come, one JSON object a line; `POST /accept`. */
export function verifyRoutes(verification: Verification, log: Log): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", {
    GET: (c) => {
      const events = verification.verify(c.get("principal"));
      return c.body(linesOf(events, log), 200, { "content-type": "application/x-ndjson" });
    },
  });
  mountMethods(app, "/accept", {
    POST: async (c) => {
      const { place, discard = false } = await readJson(c, acceptBody);
      return c.json(await verification.accept(c.get("principal"), place, { discard }));
    },
  });
  return app;
}

/** A walk goes on only as fast as its lines are taken, and ends when nobody takes them. */
function linesOf(events: AsyncGenerator<VerifyEvent>, log: Log): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(line(value));
      } catch (error) {
        const { code, message } = error instanceof AppError
          ? error
          : { code: "INTERNAL_ERROR", message: "Internal error" };
        log.warn("verification ended early", { code });
        controller.enqueue(line({ type: "error", code, error: message }));
        controller.close();
      }
    },
    async cancel() {
      await events.return(undefined);
    },
  });
}

function line(event: VerifyEvent | { type: "error"; code: string; error: string }): Uint8Array {
  return encoder.encode(JSON.stringify(event) + "\n");
}
