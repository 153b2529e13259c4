/**
 * The server shows that it is the one of its data directory, to whoever holds the key there.
 *
 * Open to anybody: the answer tells nothing to who has no key, changes nothing, and costs the read
 * of one small file. It is not logged, as it comes before each request of the command line.
 *
 * @module
 */
import { Hono } from "hono";
import { hkdf } from "../crypto/hkdf.ts";
import { HmacKey } from "../crypto/hmac.ts";
import { type Claim, messageOf, NONCE_BYTES, PROOF_DOMAIN } from "../crypto/server_proof.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { securityHeaders } from "./security_headers.ts";

/** What the proof is made of. */
export interface ProofParts {
  /** The text of the key in the data directory as it is now; `null` when there is none. */
  key(): Promise<string | null>;
  /**
   * Where this process listens: what the system says, nothing that a client sends. `null` once it
   * doesn't: connections that are open may outlast that, while anybody may take the port.
   */
  address(): { readonly hostname: string; readonly port: number } | null;
}

const NONCE = /^[\w-]{43}$/;

/** Serves `GET /?nonce=…`. The proof is a header, whose length is bounded for who reads it. */
export function serverProofRoutes({ key, address }: ProofParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use("/*", securityHeaders());
  mountMethods(app, "/", {
    GET: async (c) => {
      const nonce = parseNonce(c.req.query("nonce"));
      const secret = await key();
      if (secret === null) throw new AppError("NOT_FOUND", "This server has no key file");
      const listening = address();
      if (listening === null) throw new AppError("SHUTTING_DOWN", "The server is shutting down");
      const { hostname: host, port } = listening;
      const proof = prove(secret, { nonce, host, port });
      const text = proof.toBase64({ alphabet: "base64url", omitPadding: true });
      return c.body(null, 204, { "fluxbase-server-proof": text });
    },
  });
  return app;
}

/**
 * Proves a claim.
 *
 * @param secret The text of the key that both sides hold; 256 random bits or more are in it.
 * @returns 32 bytes, which tell nothing about the key.
 * @example Usage
 * ```ts
 * import { assert } from "@std/assert";
 * import { ServerProofs } from "../crypto/server_proof.ts";
 * import { prove } from "./server_proof.ts";
 *
 * const claim = { nonce: new Uint8Array(32), host: "127.0.0.1", port: 8080 };
 * const proof = new Uint8Array(prove("fxsk_example", claim));
 * const proofs = await ServerProofs.of("fxsk_example");
 * assert(await proofs.proves(claim, proof));
 * assert(!await proofs.proves({ ...claim, port: 8081 }, proof));
 * ```
 */
export function prove(secret: string, claim: Claim): Uint8Array {
  const key = hkdf(new TextEncoder().encode(secret), new Uint8Array(0), PROOF_DOMAIN, 32);
  return new HmacKey(key).sign(messageOf(claim));
}

function parseNonce(text: string | undefined): Uint8Array {
  if (text !== undefined && NONCE.test(text)) {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    if (bytes.length === NONCE_BYTES) return bytes;
  }
  throw new AppError("INVALID_INPUT", `nonce must be ${NONCE_BYTES} bytes in base64url`);
}
