/**
 * What the server itself uses, and functions may not.
 *
 * @module
 */

/** What has addresses. */
export interface AddressedConfig {
  readonly host: string;
  readonly port: number;
  readonly databaseUrl: string | null;
  readonly keys: { readonly transit: { readonly url: string } | null };
}

const EVERYWHERE = new Set(["0.0.0.0", "::", "[::]"]);
/** A function that names one of them must not get by as another. */
const LOOPBACK = ["localhost", "127.0.0.0/8", "0.0.0.0/8", "[::1]", "[::]"];
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };

/**
 * The addresses, as `host:port`, of this server, its database and its key service. They stay closed
 * to functions wherever they are, also to those that name them.
 *
 * @param machine The addresses of this machine's interfaces: what listens everywhere is there too.
 */
export function ownAddresses(
  { host, port, databaseUrl, keys }: AddressedConfig,
  machine: readonly string[] = [],
): string[] {
  const here = [...LOOPBACK, ...machine.map(bracketed)];
  const spellings = (host: string, port: number) => {
    const bare = bracketed(host);
    const isHere = here.includes(bare) || bare.startsWith("127.");
    return (isHere ? here : [bare]).map((each) => `${each}:${port}`);
  };
  const own = port === 0 ? [] : spellings(EVERYWHERE.has(host) ? "localhost" : host, port);
  for (const url of [databaseUrl, keys.transit?.url ?? null]) {
    if (url === null) continue;
    const { hostname, port: given, protocol } = new URL(url);
    if (hostname === "") continue;
    own.push(...spellings(hostname, Number(given) || (DEFAULT_PORTS[protocol] ?? 5432)));
  }
  return [...new Set(own)];
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
