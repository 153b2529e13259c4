/**
 * What a child may do, as the exact arguments of its Deno process. An allow-list: what isn't named
 * here, it doesn't have.
 *
 * @module
 */
import { resolve } from "node:path";

/** Where user code may connect to. */
export interface NetworkPolicy {
  /** Hosts, `host:port` or CIDR ranges; `"public"` is every address but those in `deny`. */
  readonly allow: "public" | readonly string[];
  /** Hosts, `host:port` or CIDR ranges that stay closed whatever `allow` says. */
  readonly deny: readonly string[];
}

/** The part of a child's rights that is fixed when its process starts. */
export interface ChildShape {
  readonly network: NetworkPolicy;
  /** Limit of V8's old space, MiB. */
  readonly heapMb: number;
}

/** What differs from one child to the next. */
export interface ChildPaths {
  /** The bootstrap's path. */
  readonly bootstrap: string;
  /** The child's own socket; may be relative, so that a long way to it still fits a socket. */
  readonly socket: string;
  /** Sets this child's web storage apart from every other's. */
  readonly location: string;
}

/**
 * Addresses that stay closed to user code unless the operator names them: this machine, link-local
 * ones and with them the cloud providers' metadata services (RFC 1122 §3.2.1.3, RFC 3927). Deno
 * checks the addresses that a name resolves to as well, and IPv4 addresses mapped into IPv6; it takes
 * no IPv6 ranges, so single addresses stand here.
 */
export const CLOSED_ADDRESSES: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "100.100.100.200",
  "localhost",
  "[::]",
  "[::1]",
  "[fd00:ec2::254]",
  "metadata.google.internal",
];

/** Memory of a child that isn't V8's old space: the engine, young space and buffers, MiB. */
const BESIDE_HEAP_MB = 64;

/** The limit of V8's old space, MiB, for a child that may hold `memoryMb` in all. */
export function heapMbOf(memoryMb: number): number {
  return Math.max(32, memoryMb - BESIDE_HEAP_MB);
}

/** A key that is equal for children that can take each other's place. */
export function shapeKey({ network, heapMb }: ChildShape): string {
  return JSON.stringify([network.allow, network.deny, heapMb]);
}

/**
 * The arguments after `deno` of a child.
 *
 * With `--ignore-env` a variable outside of `FLUXBASE_*` is `undefined` instead of an exception, so
 * that packages which look at the environment still work.
 */
export function denoArguments(shape: ChildShape, paths: ChildPaths): string[] {
  // Network permissions take sockets by absolute path only.
  const absolute = resolve(paths.socket);
  return [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-lock",
    "--no-config",
    "--no-remote",
    "--no-npm",
    "--cached-only",
    `--location=${paths.location}`,
    `--v8-flags=--max-old-space-size=${shape.heapMb}`,
    "--ignore-env",
    "--allow-env=FLUXBASE_*",
    ...networkArguments(shape.network, absolute),
    `--allow-read=${paths.socket}`,
    `--allow-write=${paths.socket}`,
    paths.bootstrap,
    paths.socket,
    absolute,
  ];
}

/** The child's own socket is on the list until the bootstrap has connected and revoked it. */
function networkArguments({ allow, deny }: NetworkPolicy, socket: string): string[] {
  const denied = deny.length === 0 ? [] : [`--deny-net=${deny.join(",")}`];
  if (allow === "public") return ["--allow-net", ...denied];
  return [`--allow-net=${[`unix:${socket}`, ...allow].join(",")}`, ...denied];
}
