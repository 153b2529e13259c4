/**
 * A root that never leaves another service: HashiCorp Vault's Transit engine, or one that speaks its
 * HTTP API, seals and opens keys of the ring.
 *
 * Not every version of Transit authenticates associated data, and those that don't say nothing. So
 * the row is bound to the key by ourselves, too: its hash is sealed together with the key.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { timingSafeEqual } from "@std/crypto";
import { KEY_BYTES } from "../crypto/aead.ts";
import { canonical } from "../crypto/canonical.ts";
import type { RingKey } from "../crypto/ring.ts";
import { wrapAssociatedData, type WrappedKey } from "../crypto/wrap.ts";
import { AppError } from "../errors.ts";
import type { Root } from "./root.ts";

/** Where Transit is. */
export interface TransitSettings {
  /** Without a slash at the end, such as `https://vault.example:8200`. */
  readonly url: string;
  readonly mount: string;
  /** The name of the key there; of an authenticated kind, such as `aes256-gcm96`. */
  readonly key: string;
  /** Holds the token; read for each request, since tokens are renewed. */
  readonly tokenFile: string;
  /** Of Vault Enterprise. */
  readonly namespace: string | null;
  /** How long an answer may take, ms. Default 5,000. */
  readonly timeoutMs?: number;
}

/** The first byte of a key that was sealed by Transit; the rest is Transit's own text. */
const VERSION = 2;
const HASH_BYTES = 32;
const TIMEOUT_MS = 5_000;
const MAX_ANSWER = 64 * 1_024;
/** For keys there that derive others; ignored by those that don't. */
const CONTEXT = new TextEncoder().encode("fluxbase-keyring-v1").toBase64();

/** Transit's key as a root. */
export class TransitRoot implements Root {
  readonly id: string;
  readonly #settings: TransitSettings;

  /** Asks nothing yet. */
  constructor(settings: TransitSettings) {
    this.#settings = settings;
    const { mount, key, namespace } = settings;
    // Not of the URL, so that the service may move.
    const name = canonical("fluxbase/transit-root/v1", [namespace, mount, key]);
    this.id = sha256(name).slice(0, 8).toHex();
  }

  async wrap(key: RingKey): Promise<WrappedKey> {
    const { id, purpose, status, createdAt, bytes } = key;
    const bound = wrapAssociatedData(key, this.id);
    const plaintext = new Uint8Array(HASH_BYTES + KEY_BYTES);
    plaintext.set(sha256(bound));
    plaintext.set(bytes, HASH_BYTES);
    const data = await this.#ask("encrypt", bound, { plaintext: plaintext.toBase64() });
    const text = data?.["ciphertext"];
    if (typeof text !== "string" || text === "") throw this.#failed("gave no ciphertext");
    const sealed = new TextEncoder().encode(text);
    const wrapped = new Uint8Array(1 + sealed.length);
    wrapped[0] = VERSION;
    wrapped.set(sealed, 1);
    return { id, purpose, status, createdAt, rootId: this.id, wrapped };
  }

  async unwrap(stored: WrappedKey): Promise<Uint8Array | null> {
    if (stored.wrapped[0] !== VERSION) return null;
    const bound = wrapAssociatedData(stored, stored.rootId);
    const ciphertext = new TextDecoder().decode(stored.wrapped.subarray(1));
    const data = await this.#ask("decrypt", bound, { ciphertext });
    const text = data?.["plaintext"];
    if (typeof text !== "string") return null;
    const plaintext = fromBase64(text);
    if (plaintext?.length !== HASH_BYTES + KEY_BYTES) return null;
    const hash = plaintext.slice(0, HASH_BYTES);
    return timingSafeEqual(hash, sha256(bound)) ? plaintext.slice(HASH_BYTES) : null;
  }

  /** @returns The answer's data; `null` when what was sent is not what this key sealed. */
  async #ask(
    action: "encrypt" | "decrypt",
    bound: Uint8Array,
    fields: Readonly<Record<string, string>>,
  ): Promise<Record<string, unknown> | null> {
    const body = { ...fields, associated_data: bound.toBase64(), context: CONTEXT };
    const { status, text } = await this.#send(action, body);
    const answer = parseObject(text);
    if (status === 200) {
      const data = answer?.["data"];
      if (typeof data === "object" && data !== null) return data as Record<string, unknown>;
      throw this.#failed("does not speak Transit's API");
    }
    const isKeyGone = JSON.stringify(answer?.["errors"] ?? "").includes("key not found");
    if (status === 400 && action === "decrypt" && !isKeyGone) return null;
    throw this.#failed(`answered ${status}${MEANINGS[status] ?? ""}`);
  }

  async #send(action: string, body: unknown): Promise<{ status: number; text: string }> {
    const { url, mount, key, namespace, timeoutMs = TIMEOUT_MS } = this.#settings;
    const headers = {
      "content-type": "application/json",
      "x-vault-request": "true",
      "x-vault-token": await this.#token(),
      ...(namespace !== null && { "x-vault-namespace": namespace }),
    };
    try {
      const response = await fetch(`${url}/v1/${mount}/${action}/${key}`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
        // A redirect would carry the token to another server.
        redirect: "manual",
      });
      return { status: response.status, text: await readText(response) };
    } catch (cause) {
      const late = cause instanceof DOMException && cause.name === "TimeoutError";
      throw this.#failed(late ? "did not answer in time" : "can't be reached", cause);
    }
  }

  async #token(): Promise<string> {
    try {
      return (await Deno.readTextFile(this.#settings.tokenFile)).trim();
    } catch (cause) {
      throw this.#failed("can't be asked: FLUXBASE_TRANSIT_TOKEN_FILE can't be read", cause);
    }
  }

  #failed(what: string, cause?: unknown): AppError {
    return new AppError("ROOT_UNAVAILABLE", `Transit (root ${this.id}) ${what}`, { cause });
  }
}

/** What Vault means by a status, where a person can do something about it. */
const MEANINGS: Readonly<Record<number, string>> = {
  400: ": the key is missing, or not of an authenticated kind",
  403: ": the token may not use this key",
  404: ": there is no Transit engine at this mount",
  503: ": it is sealed or standing by",
};

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER) break;
  }
  return text;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

function fromBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return null;
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
