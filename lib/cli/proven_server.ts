/**
 * Makes sure that who listens is the server of this machine's data directory, before it is sent the
 * key from there: any user of the machine may listen on a port that is free.
 *
 * @module
 */
import { NONCE_BYTES, ServerProofs } from "../crypto/server_proof.ts";
import { unreachable } from "./answer.ts";
import { CliError } from "./failure.ts";

/** Where the server shows what it holds. */
export const PROOF_PATH = "/api/v1/auth/server";

const PROOF = /^[\w-]{43}$/;

/** What the server may listen on, and where it is reached then. All of them are this machine's. */
const REACHED_AT: Readonly<Record<string, string>> = {
  "127.0.0.1": "127.0.0.1",
  "0.0.0.0": "127.0.0.1",
  "::1": "[::1]",
  "::": "[::1]",
};

/** How the server is asked. */
interface Way {
  readonly signal: AbortSignal;
  /** Of {@linkcode openHttp}. */
  readonly http: Deno.HttpClient;
}

/**
 * Opens what uses each connection for one request: who held the proof's open would get the key over
 * it, even after giving the port up to the server, to which the proof is then true.
 */
export function openHttp(): Deno.HttpClient {
  return Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
}

/**
 * Finds the URL to which a key may be sent: that of the address on which the holder of the same key
 * says it listens. A name such as `localhost` may lead elsewhere with each connection.
 *
 * @param server As the settings name it: `http`, on this machine.
 * @param key What both must hold. It isn't sent.
 * @throws {CliError} Exit 3 when who listens doesn't show that it holds the key, exit 1 when nobody
 * answers.
 */
export async function findProvenServer(
  server: string,
  key: string,
  { signal, http }: Way,
): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const [proof, proofs] = await Promise.all([
    ask(server, nonce, { signal, http }),
    ServerProofs.of(key),
  ]);
  const url = new URL(server);
  const port = Number(url.port || 80);
  for (const host of proof === null ? [] : possible(url.hostname)) {
    if (!await proofs.proves({ nonce, host, port }, proof!)) continue;
    url.hostname = REACHED_AT[host] ?? host;
    return url.href.replace(/\/+$/, "");
  }
  throw new CliError(3, `What listens at ${server} isn't the server of this data directory`, {
    hint: "No key was sent. Restart the server if it is older than this command line; " +
      "otherwise see who has the port: ss -ltnp. " +
      "For another server give its key: FLUXBASE_TOKEN, --token-file or login",
  });
}

/** The addresses that a server named so may listen on. */
function possible(hostname: string): Set<string> {
  const named = hostname === "localhost" ? [] : [hostname.replace(/^\[|\]$/g, "")];
  return new Set([...named, ...Object.keys(REACHED_AT)]);
}

async function ask(
  server: string,
  nonce: Uint8Array,
  { signal, http }: Way,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const text = nonce.toBase64({ alphabet: "base64url", omitPadding: true });
  const url = `${server}${PROOF_PATH}?nonce=${text}`;
  const headers = { "user-agent": "fluxbase-cli" };
  try {
    const response = await fetch(url, { headers, signal, redirect: "manual", client: http });
    // Nothing that a stranger sends is read but one header. The true answer has no body.
    await response.body?.cancel();
    const proof = response.headers.get("fluxbase-server-proof") ?? "";
    return PROOF.test(proof) ? Uint8Array.fromBase64(proof, { alphabet: "base64url" }) : null;
  } catch (error) {
    throw unreachable(server, error);
  }
}
