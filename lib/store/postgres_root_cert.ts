/**
 * The certificates of the authorities that a server's certificate may come from.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Reads a file of certificates in PEM.
 *
 * @throws {Error} with the reason, as the end of a sentence that begins with the file.
 */
export async function readRootCert(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path).catch((cause) => {
    throw new Error(`cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const certificates = text.match(PEM) ?? [];
  try {
    certificates.forEach((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw new Error("holds a certificate that cannot be read", { cause });
  }
  if (certificates.length === 0) throw new Error("holds no certificate in PEM");
  return certificates;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (cause instanceof Deno.errors.PermissionDenied) return "permission denied";
  return cause instanceof Deno.errors.NotCapable ? "Deno has no right to" : "it failed";
}
