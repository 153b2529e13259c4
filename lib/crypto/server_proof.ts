/**
 * How a server shows whoever holds the key of its data directory that it holds it, too, and where
 * it listens, without the key being sent.
 *
 * The command line sends a fresh random number; the server answers with its HMAC-SHA256, under a
 * key derived from the one in the data directory (HKDF, RFC 5869), over the number and the address
 * that it listens on. Whoever listens elsewhere and passes the number on to the true server gets an
 * answer that names the true server's address and no other.
 *
 * This is the side that checks: WebCrypto and no other file, since whatever is loaded makes every
 * command slower.
 *
 * @module
 */
/** Keeps the key apart from every other use, and so does it the message. */
export const PROOF_DOMAIN = "fluxbase/server-proof/v1";

/** Length of the number, bytes. */
export const NONCE_BYTES = 32;

/** What is shown: that the number was seen by who listens there. */
export interface Claim {
  /** Of {@linkcode NONCE_BYTES}, never used before. */
  readonly nonce: Uint8Array;
  /** The address as the system has it, such as `127.0.0.1` or `::`. */
  readonly host: string;
  readonly port: number;
}

/** Tells the proofs of one key from others. */
export class ServerProofs {
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  /** Those of who holds `secret`. */
  static async of(secret: string): Promise<ServerProofs> {
    return new ServerProofs(await derive(secret));
  }

  /** Whether `proof` proves the claim; takes as long for a wrong one. */
  proves(claim: Claim, proof: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return crypto.subtle.verify("HMAC", this.#key, proof, messageOf(claim));
  }
}

/** What is authenticated. No part has a line end, so no two claims have one message. */
export function messageOf({ nonce, host, port }: Claim): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode([PROOF_DOMAIN, nonce.toHex(), host, port].join("\n"));
}

async function derive(secret: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(secret);
  const material = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  const how = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(0),
    info: new TextEncoder().encode(PROOF_DOMAIN),
  };
  const kind = { name: "HMAC", hash: "SHA-256", length: 256 };
  return await crypto.subtle.deriveKey(how, material, kind, false, ["verify"]);
}
