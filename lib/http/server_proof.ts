/**
 * The server shows that it is the one of its data directory, to whoever holds the key there.
 *
 * Open to anybody: the answer tells nothing to who has no key, changes nothing, and costs the read
 * of one small file. It is not logged, as it comes before each request of the command line.
 *
 * @module
 */
import { Hono } from "hono";
import { NONCE_BYTES, prove } from "../crypto/server_proof.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { securityHeaders } from "./security_headers.ts";

/** What the proof is made of. */
export interface ProofParts {
  /** The text of the key in the data directory as it is now; `null` when there is none. */
  key(): Promise<string | null>;
  /** Where this process listens: what the system says, nothing that a client sends. */
  address(): Promise<{ readonly hostname: string; readonly port: number }>;
}

const NONCE = /^[\w-]{43}$/;

/** Serves `GET /?nonce=…`. The proof is a header, whose length is bounded for who reads it. */
export function serverProofRoutes({ key, address }: ProofParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use("/*", securityHeaders());
  mountMethods(app, "/", {
    GET: async (c) => {
      const nonce = parseNonce(c.req.query("nonce"));
      const [secret, { hostname: host, port }] = await Promise.all([key(), address()]);
      if (secret === null) throw new AppError("NOT_FOUND", "This server has no key file");
      const proof = await prove(secret, { nonce, host, port });
      const text = proof.toBase64({ alphabet: "base64url", omitPadding: true });
      return c.body(null, 204, { "fluxbase-server-proof": text });
    },
  });
  return app;
}

function parseNonce(text: string | undefined): Uint8Array {
  if (text !== undefined && NONCE.test(text)) {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    if (bytes.length === NONCE_BYTES) return bytes;
  }
  throw new AppError("INVALID_INPUT", `nonce must be ${NONCE_BYTES} bytes in base64url`);
}
