/**
 * Verifies the certificates of a TLS server a second time.
 *
 * `node:tls` on Deno 2.9 takes a chain with a certificate of X.509 version 1 in it for good when the
 * names in it fit together: no signature is looked at, and the peer need not even hold the key. So
 * anybody between here and the server could be the server. Version 1 is refused here, and each
 * signature up to an authority is verified again. https://github.com/denoland/deno/pull/36248
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** Longer than any real one. */
const LONGEST_CHAIN = 10;

/** Why a chain is not good. */
export type ChainFault = "version" | "chain";

/** Returns what is wrong with what the server of `tls` has shown; null when nothing is. */
export function chainFault(
  tls: TLSSocket,
  authorities: readonly X509Certificate[],
): ChainFault | null {
  const shown = shownBy(tls);
  if (shown.some((certificate) => !isVersion3(certificate.raw))) return "version";
  return leadsTo(authorities, shown, new Date()) ? null : "chain";
}

/** The server's own certificate and those behind it. */
function shownBy(tls: TLSSocket): X509Certificate[] {
  const shown: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = tls.getPeerCertificate(true);
  while (next?.raw !== undefined && shown.length < LONGEST_CHAIN) {
    shown.push(new X509Certificate(next.raw));
    if (next.issuerCertificate === next) break;
    next = next.issuerCertificate;
  }
  return shown;
}

/** Whether each certificate from the first one on is signed by the next, up to an authority. */
export function leadsTo(
  authorities: readonly X509Certificate[],
  shown: readonly X509Certificate[],
  now: Date,
): boolean {
  let current = shown[0];
  for (let step = 0; current !== undefined && step < LONGEST_CHAIN; step++) {
    const certificate: X509Certificate = current;
    if (!isCurrent(certificate, now)) return false;
    if (authorities.some((each) => isSame(each, certificate) || signed(each, certificate))) {
      return true;
    }
    current = shown.find((each) =>
      each.ca && !isSame(each, certificate) && signed(each, certificate)
    );
  }
  return false;
}

function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isSame(a: X509Certificate, b: X509Certificate): boolean {
  return a.fingerprint256 === b.fingerprint256;
}

function isCurrent({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return new Date(validFrom) <= now && now <= new Date(validTo);
}

const EXPLICIT_VERSION = 0xa0;
const VERSION_3 = 2;

/**
 * Reads the version, the first thing in a certificate: `[0] EXPLICIT INTEGER` within two sequences
 * (RFC 5280, section 4.1).
 */
function isVersion3(der: Uint8Array): boolean {
  const at = contentOf(der, contentOf(der, 0));
  return der[at] === EXPLICIT_VERSION && der[at + 4] === VERSION_3;
}

/** Where the content of the DER value at `at` begins (X.690, section 8.1.3). */
function contentOf(der: Uint8Array, at: number): number {
  const length = der[at + 1] ?? 0;
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f);
}
