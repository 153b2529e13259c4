/**
 * Passphrases of age files by `node:crypto`, whose scrypt runs beside the event loop: the library's
 * own keeps a server from answering for as long as it takes.
 *
 * The stanza is that of the age specification (age-encryption.org/v1, "scrypt recipient"), so the
 * `age` program opens these files, too.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import type { Identity, Recipient } from "age-encryption";
import { Stanza } from "age-encryption";

const LABEL = new TextEncoder().encode("age-encryption.org/v1/scrypt");
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const FILE_KEY_BYTES = 16;
/** 2^18 rounds, as the `age` program takes them. */
const LOG_ROUNDS = 18;
/** More would let a file take a minute and a gigabyte from whoever opens it. */
const MAX_LOG_ROUNDS = 20;
/** Each salt makes another key, so that one nonce is enough. */
const NONCE = new Uint8Array(12);
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/** Locks a file with a passphrase. */
export function passphraseRecipient(passphrase: string): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = new Uint8Array(randomBytes(SALT_BYTES));
      const key = await stretch(passphrase, salt, LOG_ROUNDS);
      const cipher = createCipheriv("chacha20-poly1305", key, NONCE, OPTIONS);
      const body = Uint8Array.of(
        ...cipher.update(fileKey),
        ...cipher.final(),
        ...cipher.getAuthTag(),
      );
      return [new Stanza(["scrypt", unpadded(salt), String(LOG_ROUNDS)], body)];
    },
  };
}

/** Opens a file that is locked with a passphrase. */
export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const [stanza] = stanzas;
      // Beside a passphrase there is nobody else, or the file tells nothing about who made it.
      if (stanzas.length !== 1 || stanza === undefined || stanza.args[0] !== "scrypt") return null;
      const [, salt, rounds] = stanza.args;
      if (salt === undefined || !/^(?:[1-9]|1\d|20)$/.test(rounds ?? "")) return null;
      if (Number(rounds) > MAX_LOG_ROUNDS) return null;
      if (stanza.body.length !== FILE_KEY_BYTES + TAG_BYTES) return null;
      const key = await stretch(passphrase, Uint8Array.fromBase64(salt), Number(rounds));
      return open(key, stanza.body);
    },
  };
}

function open(key: Uint8Array, body: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv("chacha20-poly1305", key, NONCE, OPTIONS);
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES));
  try {
    const start = decipher.update(body.subarray(0, FILE_KEY_BYTES));
    return Uint8Array.of(...start, ...decipher.final());
  } catch {
    return null;
  }
}

function stretch(passphrase: string, salt: Uint8Array, logRounds: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const N = 2 ** logRounds;
  const limits = { N, r: 8, p: 1, maxmem: 256 * N * 8 };
  scrypt(passphrase, Uint8Array.of(...LABEL, ...salt), 32, limits, (error, key) => {
    if (error) reject(error);
    else resolve(key);
  });
  return promise;
}

function unpadded(bytes: Uint8Array): string {
  return bytes.toBase64({ omitPadding: true });
}
