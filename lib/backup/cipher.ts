/**
 * Encryption of a backup as a whole, in the age format (age-encryption.org/v1): by a passphrase or
 * for recipients, as a stream, so that its size doesn't matter.
 *
 * @module
 */
import { Decrypter, Encrypter } from "age-encryption";
import { AppError } from "../errors.ts";
import { passphraseIdentity, passphraseRecipient } from "./passphrase.ts";

/** With what a backup is locked. */
export type Lock = { readonly passphrase: string } | { readonly recipients: readonly string[] };

/** With what a backup is opened. */
export type Unlock = { readonly passphrase: string } | { readonly identities: readonly string[] };

/** A passphrase is the only thing between a stolen file and every secret in it. */
const MIN_PASSPHRASE = 12;
const MAX_PASSPHRASE = 1_024;

/** The error for a file that isn't restored. */
export function refusedBackup(why: string, cause?: unknown): AppError {
  return new AppError("INVALID_INPUT", `The backup is refused: ${why}`, { cause });
}

/**
 * Makes the encryption, so that what is wrong with the lock shows before anything is read.
 *
 * @throws {AppError} INVALID_INPUT for a recipient that is none, or a passphrase that is too short.
 */
export function openLock(lock: Lock): Encrypter {
  const encrypter = new Encrypter();
  if ("passphrase" in lock) {
    const { length } = lock.passphrase;
    if (length < MIN_PASSPHRASE || length > MAX_PASSPHRASE) {
      throw new AppError(
        "INVALID_INPUT",
        `Passphrase must have ${MIN_PASSPHRASE} to ${MAX_PASSPHRASE} characters`,
      );
    }
    encrypter.addRecipient(passphraseRecipient(lock.passphrase));
    return encrypter;
  }
  if (lock.recipients.length === 0) throw new AppError("INVALID_INPUT", "A recipient is needed");
  for (const recipient of lock.recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw new AppError("INVALID_INPUT", "A recipient must be an age recipient: age1…", { cause });
    }
  }
  return encrypter;
}

/**
 * Opens an encrypted stream. It fails while it is read, should it have been cut or changed further
 * on.
 *
 * @throws {AppError} INVALID_INPUT when the passphrase or the identities don't open it.
 */
export async function decryptWith(
  unlock: Unlock,
  stream: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const decrypter = new Decrypter();
  if ("passphrase" in unlock) decrypter.addIdentity(passphraseIdentity(unlock.passphrase));
  else for (const identity of unlock.identities) addIdentity(decrypter, identity);
  try {
    return await decrypter.decrypt(stream);
  } catch (cause) {
    throw refusedBackup("wrong passphrase or identity, or no whole backup", cause);
  }
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", "An identity must be AGE-SECRET-KEY-1…", { cause });
  }
}
