/**
 * Certificates for TLS servers of tests, made with OpenSSL and thrown away.
 *
 * @module
 */
import { run } from "./shared.ts";

/** A certificate and its key, both in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const MAKE = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const DAYS = ["-days", "2"];

/** An authority, in files of a directory that outlives it. */
export class Authority {
  readonly #directory: string;
  readonly #name: string;

  private constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
  }

  /** Makes one. Those of two directories have the same subject and different keys. */
  static async create(directory: string, name = "ca"): Promise<Authority> {
    const authority = new Authority(directory, name);
    const { file, keyFile } = authority;
    const subject = ["-subj", "/CN=Test authority"];
    await run("openssl", ...MAKE, ...subject, ...DAYS, "-keyout", keyFile, "-out", file);
    return authority;
  }

  /** A host that takes the last certificate that was made for it for that of an authority. */
  misused(): Authority {
    return new Authority(this.#directory, this.#host);
  }

  get #host(): string {
    return `${this.#name}-host`;
  }

  /** PEM file of its certificate. */
  get file(): string {
    return `${this.#directory}/${this.#name}.pem`;
  }

  /** PEM file of its key. */
  get keyFile(): string {
    return `${this.#directory}/${this.#name}.key`;
  }

  /** Makes a certificate for a host. */
  async certify(host: string): Promise<Certificate> {
    const names = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
    // Without the authority's key identifier, which a forger would copy, only signatures tell.
    const bare = ["-addext", "authorityKeyIdentifier=none"];
    const leaf = ["-addext", "basicConstraints=critical,CA:FALSE", ...bare];
    const by = ["-CA", this.file, "-CAkey", this.keyFile];
    return await this.#make(this.#host, ...MAKE, ...names, ...leaf, ...by, ...DAYS);
  }

  /** Makes a certificate for a host that names the authority as its issuer, in X.509 version 1. */
  async certifyVersion1(host: string): Promise<Certificate> {
    const [request, key] = [`${this.#directory}/v1.csr`, `${this.#directory}/${this.#host}.key`];
    const [, , ...keyKind] = MAKE;
    const asked = ["req", ...keyKind, "-subj", `/CN=${host}`, "-keyout", key, "-out", request];
    await run("openssl", ...asked);
    const by = ["-CA", this.file, "-CAkey", this.keyFile, "-CAcreateserial"];
    const cert = await run("openssl", "x509", "-req", "-in", request, ...by, ...DAYS);
    return { cert, key: await Deno.readTextFile(key) };
  }

  async #make(name: string, ...args: string[]): Promise<Certificate> {
    const [cert, key] = [`${this.#directory}/${name}.pem`, `${this.#directory}/${name}.key`];
    await run("openssl", ...args, "-keyout", key, "-out", cert);
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  }
}

/** Makes a certificate for a host that is signed by its own key. */
export async function certifyItself(host: string, file: string): Promise<Certificate> {
  const names = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  await run("openssl", ...MAKE, ...names, ...DAYS, "-keyout", `${file}.key`, "-out", file);
  const key = await Deno.readTextFile(`${file}.key`);
  return { cert: await Deno.readTextFile(file), key };
}
