/**
 * A small server that speaks the part of HashiCorp Vault's Transit API that a root needs, over real
 * HTTP and with real keys: `POST /v1/<mount>/encrypt/<key>` and `…/decrypt/<key>`.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** How the server behaves; may be changed while it runs. */
export interface TransitMood {
  /** Tokens that are accepted. */
  tokens: string[];
  /** Releases before 1.9 don't know associated data, and say nothing. */
  knowsAssociatedData: boolean;
  /** A key that derives others wants a context. */
  derived: boolean;
  /** What it does instead of answering. */
  trouble: "none" | "sealed" | "silent" | "garbage" | "elsewhere" | "flood";
}

/** A request that came. */
export interface TransitRequest {
  readonly path: string;
  readonly token: string | null;
  readonly namespace: string | null;
  readonly body: string;
}

/** A running server. */
export interface TransitServer extends AsyncDisposable {
  readonly url: string;
  readonly mood: TransitMood;
  readonly requests: TransitRequest[];
  /** Makes another version of a key, as Vault's own rotation does; older ones still open. */
  rotate(key: string): void;
  remove(key: string): void;
}

interface Asked {
  readonly plaintext?: string;
  readonly ciphertext?: string;
  readonly associated_data?: string;
  readonly context?: string;
}

/** Starts a server that has one key. */
export function startTransit(key: string): TransitServer {
  const keys = new Map<string, Uint8Array[]>([[key, [randomBytes(32)]]]);
  const mood: TransitMood = {
    tokens: ["s.token"],
    knowsAssociatedData: true,
    derived: false,
    trouble: "none",
  };
  const requests: TransitRequest[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const body = await request.text();
      const { headers } = request;
      const token = headers.get("x-vault-token");
      requests.push({ path: pathname, token, namespace: headers.get("x-vault-namespace"), body });
      return await answer(pathname, token, body, { keys, mood, signal: stop.signal });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    mood,
    requests,
    rotate: (name) => void keys.get(name)!.push(randomBytes(32)),
    remove: (name) => void keys.delete(name),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

interface State {
  readonly keys: ReadonlyMap<string, Uint8Array[]>;
  readonly mood: TransitMood;
  readonly signal: AbortSignal;
}

async function answer(
  path: string,
  token: string | null,
  body: string,
  { keys, mood, signal }: State,
): Promise<Response> {
  switch (mood.trouble) {
    case "sealed":
      return errors(503, "Vault is sealed");
    case "silent":
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      return errors(500, "too late");
    case "garbage":
      return new Response("<html>hello</html>");
    case "flood":
      return new Response("x".repeat(10 * 1_024 * 1_024));
    case "elsewhere":
      return new Response(null, { status: 307, headers: { location: "http://127.0.0.1:9/" } });
  }
  if (token === null || !mood.tokens.includes(token)) return errors(403, "permission denied");
  const [, mount, action, name] = /^\/v1\/([\w/-]+)\/(encrypt|decrypt)\/([\w.-]+)$/.exec(path) ??
    [];
  if (mount !== "transit") return errors(404, "no handler for route");
  const versions = keys.get(name!);
  if (versions === undefined) return errors(400, "encryption key not found");
  const asked = JSON.parse(body) as Asked;
  if (mood.derived && !asked.context) return errors(400, "missing 'context' for key derivation");
  try {
    return action === "encrypt" ? encrypt(versions, mood, asked) : decrypt(versions, mood, asked);
  } catch {
    return errors(400, "cipher: message authentication failed");
  }
}

function encrypt(versions: readonly Uint8Array[], mood: TransitMood, asked: Asked): Response {
  const version = versions.length;
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyOf(versions, version, mood, asked), nonce);
  cipher.setAAD(bound(mood, asked));
  const sealed = [nonce, cipher.update(asked.plaintext!, "base64"), cipher.final()];
  const bytes = [...sealed, cipher.getAuthTag()].flatMap((part) => [...part]);
  const ciphertext = `vault:v${version}:${new Uint8Array(bytes).toBase64()}`;
  return Response.json({ data: { ciphertext, key_version: version } });
}

function decrypt(versions: readonly Uint8Array[], mood: TransitMood, asked: Asked): Response {
  const [, version, text] = /^vault:v(\d+):(.+)$/.exec(asked.ciphertext ?? "") ?? [];
  if (text === undefined) return errors(400, "invalid ciphertext: no prefix");
  const bytes = Uint8Array.fromBase64(text);
  const key = keyOf(versions, Number(version), mood, asked);
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.slice(0, 12));
  decipher.setAAD(bound(mood, asked));
  decipher.setAuthTag(bytes.slice(-16));
  const opened = [...decipher.update(bytes.slice(12, -16)), ...decipher.final()];
  return Response.json({ data: { plaintext: new Uint8Array(opened).toBase64() } });
}

function keyOf(
  versions: readonly Uint8Array[],
  version: number,
  { derived }: TransitMood,
  { context }: Asked,
): Uint8Array {
  const key = versions[version - 1]!;
  if (!derived) return key;
  return new Uint8Array(hkdfSync("sha256", key, "", Uint8Array.fromBase64(context!), 32));
}

function bound({ knowsAssociatedData }: TransitMood, asked: Asked): Uint8Array {
  return knowsAssociatedData
    ? Uint8Array.fromBase64(asked.associated_data ?? "")
    : new Uint8Array();
}

function errors(status: number, message: string): Response {
  return Response.json({ errors: [message] }, { status });
}
