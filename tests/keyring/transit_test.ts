import { assert, assertEquals, assertRejects } from "@std/assert";
import { newRingKey, type RingKey } from "../../lib/crypto/ring.ts";
import { AppError } from "../../lib/errors.ts";
import { TransitRoot, type TransitSettings } from "../../lib/keyring/transit.ts";
import { startTransit, type TransitMood, type TransitServer } from "../support/transit_server.ts";

const KEY = newRingKey("value", new Date("2026-01-02T03:04:05.678Z"));

interface Given extends AsyncDisposable {
  readonly server: TransitServer;
  readonly settings: TransitSettings;
  readonly root: TransitRoot;
}

async function given(mood: Partial<TransitMood> = {}): Promise<Given> {
  const server = startTransit("fluxbase");
  Object.assign(server.mood, mood);
  const tokenFile = await Deno.makeTempFile();
  await Deno.writeTextFile(tokenFile, "s.token\n");
  const settings: TransitSettings = {
    url: server.url,
    mount: "transit",
    key: "fluxbase",
    tokenFile,
    namespace: null,
    timeoutMs: 10_000,
  };
  return {
    server,
    settings,
    root: new TransitRoot(settings),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await Deno.remove(tokenFile);
    },
  };
}

async function assertUnavailable(work: () => Promise<unknown>, part: string): Promise<void> {
  const error = await assertRejects(work, AppError);
  assertEquals(error.code, "ROOT_UNAVAILABLE");
  assert(error.message.includes(part), error.message);
  assert(!error.message.includes("s.token"));
}

/** Another digit of the ciphertext's base64. */
function changed(wrapped: Uint8Array): Uint8Array {
  const at = wrapped.length - 9;
  return wrapped.with(at, wrapped[at] === 0x41 ? 0x42 : 0x41);
}

const MOODS: [string, Partial<TransitMood>][] = [
  ["that authenticates associated data", {}],
  ["that ignores associated data", { knowsAssociatedData: false }],
  ["whose key derives others", { derived: true }],
];

for (const [name, mood] of MOODS) {
  Deno.test(`a Transit ${name} opens what it sealed, and nothing else`, async () => {
    await using world = await given(mood);
    const { root, server } = world;
    const stored = await root.wrap(KEY);
    assertEquals(stored.rootId, root.id);
    assertEquals(await root.unwrap(stored), KEY.bytes);
    const other = await root.wrap(newRingKey("row", new Date()));
    const changes = [
      { status: "enabled" as const },
      { purpose: "row" as const },
      { id: "0123456789abcdef" },
      { createdAt: new Date(0) },
      { rootId: "0123456789abcdef" },
      { wrapped: other.wrapped },
      { wrapped: stored.wrapped.slice(1) },
      { wrapped: changed(stored.wrapped) },
    ];
    for (const change of changes) {
      assertEquals(await root.unwrap({ ...stored, ...change }), null, Object.keys(change)[0]);
    }
    server.rotate("fluxbase");
    assertEquals(await root.unwrap(stored), KEY.bytes);
    const again = await root.wrap(KEY);
    assert(new TextDecoder().decode(again.wrapped).includes("vault:v2:"));
    assertEquals(await root.unwrap(again), KEY.bytes);
  });
}

Deno.test("Transit is sent the token of the file and the namespace, and no key in the clear", async () => {
  await using world = await given();
  const { settings, server } = world;
  const root = new TransitRoot({ ...settings, namespace: "team-a" });
  const stored = await root.wrap(KEY);
  await Deno.writeTextFile(settings.tokenFile, "s.renewed");
  server.mood.tokens = ["s.renewed"];
  assertEquals(await root.unwrap(stored), KEY.bytes);
  const [sealing, opening] = server.requests;
  assertEquals([sealing!.token, opening!.token], ["s.token", "s.renewed"]);
  assertEquals(sealing!.namespace, "team-a");
  assertEquals(sealing!.path, "/v1/transit/encrypt/fluxbase");
  assert(!opening!.body.includes(new Uint8Array(KEY.bytes).toBase64()));
});

Deno.test("the id of a Transit root is of the key, wherever it is reached", async () => {
  await using world = await given();
  const { settings, root } = world;
  const id = (change: Partial<TransitSettings>) => new TransitRoot({ ...settings, ...change }).id;
  assertEquals(id({ url: "https://vault.example" }), root.id);
  assert(id({ key: "other" }) !== root.id);
  assert(id({ mount: "other" }) !== root.id);
  assert(id({ namespace: "other" }) !== root.id);
});

const TROUBLES: [TransitMood["trouble"], string][] = [
  ["sealed", "answered 503: it is sealed or standing by"],
  ["garbage", "does not speak Transit's API"],
  ["flood", "does not speak Transit's API"],
  ["elsewhere", "answered 307"],
];

for (const [trouble, part] of TROUBLES) {
  Deno.test(`a Transit that is ${trouble} is told as such, and used again afterwards`, async () => {
    await using world = await given();
    const { root, server } = world;
    const stored = await root.wrap(KEY);
    server.mood.trouble = trouble;
    await assertUnavailable(() => root.wrap(KEY), part);
    await assertUnavailable(() => root.unwrap(stored), part);
    server.mood.trouble = "none";
    assertEquals(await root.unwrap(stored), KEY.bytes);
  });
}

Deno.test("a Transit that doesn't answer is given up", async () => {
  await using world = await given({ trouble: "silent" });
  const root = new TransitRoot({ ...world.settings, timeoutMs: 50 });
  await assertUnavailable(() => root.wrap(KEY), "did not answer in time");
});

Deno.test("a Transit that is gone, a wrong token and a missing key are told apart", async () => {
  const world = await given();
  const { root, server, settings } = world;
  const stored = await root.wrap(KEY);
  server.mood.tokens = [];
  await assertUnavailable(
    () => root.unwrap(stored),
    "answered 403: the token may not use this key",
  );
  server.mood.tokens = ["s.token"];
  const elsewhere = new TransitRoot({ ...settings, mount: "kv" });
  await assertUnavailable(() => elsewhere.wrap(KEY), "answered 404");
  server.remove("fluxbase");
  await assertUnavailable(() => root.unwrap(stored), "the key is missing");
  await world[Symbol.asyncDispose]();
  await assertUnavailable(() => root.unwrap(stored), "FLUXBASE_TRANSIT_TOKEN_FILE can't be read");
  await Deno.writeTextFile(settings.tokenFile, "s.token");
  await assertUnavailable(() => root.unwrap(stored), "can't be reached");
  await Deno.remove(settings.tokenFile);
});

Deno.test("a key that a root key here sealed is none of Transit's", async () => {
  await using world = await given();
  const wrapped = new Uint8Array(61);
  wrapped[0] = 1;
  const { bytes: _bytes, ...info }: RingKey = KEY;
  const stored = { ...info, rootId: world.root.id, wrapped };
  assertEquals(await world.root.unwrap(stored), null);
  assertEquals(world.server.requests, []);
});
