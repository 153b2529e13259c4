import { assertEquals } from "@std/assert";
import { narrowNetwork, parseNetworkEntry } from "../../lib/runtime/network.ts";
import { CLOSED_ADDRESSES } from "../../lib/runtime/permissions.ts";

const VALID = [
  "example.com",
  "api.stripe.com:443",
  "my_host.internal",
  "10.0.0.7",
  "10.0.0.7:5432",
  "10.0.0.0/8",
  "[::1]",
  "[fd00:ec2::254]:80",
  "localhost:9000",
];
const INVALID = [
  "",
  "*",
  "*.example.com",
  "example.com:*",
  "https://example.com",
  "example.com/path",
  "example.com:0",
  "example.com:65536",
  "example.com:http",
  "10.0.0.0/33",
  "10.0.0.256",
  "10.0.0",
  "0x7f.0.0.1",
  "2130706433",
  "::1",
  "[::1",
  "[zz]",
  "[1:2:3]",
  "a,b",
  "a b",
  "-example.com",
  "example..com",
  "unix:/run/socket",
  "user@example.com",
  `${"a".repeat(64)}.com`,
];

Deno.test("parseNetworkEntry() takes hosts, ports, ranges and IPv6, in any case", () => {
  for (const text of VALID) assertEquals(parseNetworkEntry(text.toUpperCase()), text, text);
});

Deno.test("parseNetworkEntry() refuses wildcards, URLs and what only looks like an address", () => {
  for (const text of INVALID) assertEquals(parseNetworkEntry(text), null, text);
});

const PUBLIC = { allow: "public" as const, deny: [...CLOSED_ADDRESSES, "127.0.0.1:8080"] };

Deno.test("narrowNetwork() keeps this machine and metadata closed for a list that names neither", () => {
  const { allow, deny } = narrowNetwork(PUBLIC, ["api.stripe.com:443"]);
  assertEquals(allow, ["api.stripe.com:443"]);
  assertEquals(deny, PUBLIC.deny);
});

Deno.test("narrowNetwork() opens the closed addresses that are named, and never the operator's", () => {
  const cases: [entry: string, opened: string[]][] = [
    ["127.0.0.1:9000", ["127.0.0.0/8"]],
    ["127.0.0.1:8080", ["127.0.0.0/8"]],
    ["127.0.0.0/24", ["127.0.0.0/8"]],
    ["localhost", ["127.0.0.0/8", "localhost", "[::1]"]],
    ["169.254.169.254", ["169.254.0.0/16"]],
    ["metadata.google.internal:80", ["metadata.google.internal"]],
    ["[::1]:3000", ["[::1]"]],
    ["10.0.0.1", []],
  ];
  for (const [entry, opened] of cases) {
    const { deny } = narrowNetwork(PUBLIC, [entry]);
    assertEquals(deny, PUBLIC.deny.filter((address) => !opened.includes(address)), entry);
  }
});

Deno.test("narrowNetwork() never widens what the operator allows", () => {
  const base = { allow: ["api.stripe.com", "10.0.0.0/8", "mail.internal:25"], deny: [] };
  const list = [
    "api.stripe.com:443",
    "evil.example",
    "10.1.2.3:80",
    "10.0.0.0/7",
    "mail.internal",
    "mail.internal:25",
  ];
  assertEquals(narrowNetwork(base, list).allow, [
    "api.stripe.com:443",
    "10.1.2.3:80",
    "mail.internal:25",
  ]);
});
