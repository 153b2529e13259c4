/**
 * A host of the internet, played by the test: a TLS server under its name, with a certificate of an
 * authority that is thrown away, and a way to start a process for which the name leads here.
 *
 * @module
 */
import { Authority } from "./certificates.ts";
import { run } from "./shared.ts";

/** A request as the host got it. */
export interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
}

/** A host that is up. */
export interface FalseHost {
  /** What came, in order. */
  readonly arrived: readonly Arrived[];
  /** PEM file of the authority. */
  readonly authority: string;
  /** Words that start the command behind them where the name leads to this host. */
  readonly through: readonly string[];
}

/** A loopback address that nobody else uses. */
const ADDRESS = "127.77.25.3";

/** Why names can't be led elsewhere on this system; `undefined` when they can. */
export async function whyNoFalseNames(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "mount namespaces are Linux's";
  if (Deno.uid() !== 0) return "only root may make a mount namespace and listen on port 443";
  try {
    await run("unshare", "--mount", "true");
  } catch {
    return "making a mount namespace is not permitted here";
  }
}

/** Plays `name` while `work` runs. */
export async function withFalseHost(
  name: string,
  work: (host: FalseHost) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const arrived: Arrived[] = [];
  const authority = await Authority.create(directory);
  const { cert, key } = await authority.certify(name);
  const server = Deno.serve(
    { hostname: ADDRESS, port: 443, cert, key, onListen() {} },
    async (request) => {
      const { method, url } = request;
      // The request's own headers are gone with it.
      const headers = new Headers(request.headers);
      arrived.push({ method, url, headers, text: await request.text() });
      return new Response(null, { status: 202 });
    },
  );
  try {
    const through = await throughNames({ [name]: ADDRESS }, directory);
    await work({ arrived, authority: authority.file, through });
  } finally {
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * Words that start the command behind them where names lead to the addresses given.
 *
 * @param directory Where the list of names is kept; it must outlive the command.
 */
export async function throughNames(
  addresses: Readonly<Record<string, string>>,
  directory: string,
): Promise<string[]> {
  const hosts = `${directory}/hosts`;
  const lines = Object.entries({ localhost: "127.0.0.1", ...addresses });
  await Deno.writeTextFile(hosts, lines.map(([name, to]) => `${to} ${name}\n`).join(""));
  const mount = `mount --bind '${hosts}' /etc/hosts && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", mount, "sh"];
}
