import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";
import { type KeyTexts, readKeySettings } from "../../lib/keyring/key_settings.ts";
import { rootProvider } from "../../lib/keyring/providers.ts";
import { joinKeyWorld, testOnEmptyDatabases } from "../support/key_world.ts";
import { startTransit } from "../support/transit_server.ts";
import { admin, injected, ref } from "../support/world.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";

const NONE: KeyTexts = {
  keys: null,
  file: null,
  command: null,
  transitUrl: null,
  transitKey: null,
  transitMount: null,
  transitTokenFile: null,
  transitNamespace: null,
  transitRole: null,
  maxAgeDays: null,
  maxSeals: null,
};
const TRANSIT = { transitUrl: "https://vault.example", transitKey: "k", transitTokenFile: "/t" };
const PATH = { PATH: Deno.env.get("PATH")! };

function provider(texts: Partial<KeyTexts>, options: { commandTimeoutMs?: number } = {}) {
  const settings = readKeySettings({ ...NONE, ...texts });
  return rootProvider(settings, null, { env: PATH, ...options })!;
}

async function refused(work: () => unknown): Promise<string> {
  const error = await assertRejects(async () => await work(), AppError);
  return `${error.code} ${error.message}`;
}

Deno.test("settings of keys are checked, and have the documented defaults", () => {
  assertEquals(readKeySettings(NONE), {
    source: null,
    transit: null,
    limits: { maxAgeMs: 365 * 24 * 60 * 60 * 1_000, maxSeals: 4_294_967_296 },
  });
  const { limits } = readKeySettings({ ...NONE, maxAgeDays: "0", maxSeals: "0" });
  assertEquals(limits, { maxAgeMs: Infinity, maxSeals: Infinity });
  const wrong: Partial<KeyTexts>[] = [
    { keys: "a", file: "b" },
    { file: "b", command: "c" },
    { command: "[1]" },
    { command: '["]' },
    { command: '[""]' },
    { transitUrl: "https://vault.example" },
    { ...TRANSIT, transitUrl: "http://vault.example" },
    { ...TRANSIT, transitUrl: "https://user:pass@vault.example" },
    { ...TRANSIT, transitUrl: "vault" },
    { ...TRANSIT, transitKey: "a b" },
    { ...TRANSIT, transitKey: "../sys" },
    { ...TRANSIT, transitMount: "/transit" },
    { ...TRANSIT, transitRole: "first" },
    { maxAgeDays: "-1" },
    { maxAgeDays: "1.5" },
    { maxSeals: "4294967297" },
  ];
  for (const texts of wrong) {
    const error = assertThrows(
      () => readKeySettings({ ...NONE, ...texts }),
      AppError,
      "",
      JSON.stringify(texts),
    );
    assertEquals(error.code, "CONFIG_INVALID");
  }
});

Deno.test("a root key comes from a text, a file and a command alike, and is read anew", async () => {
  const [one, two] = [generateRootKey().text, generateRootKey().text];
  const id = (text: string) => parseRootKeys(text)[0]!.id;
  const path = await Deno.makeTempFile();
  try {
    const kinds = [
      provider({ file: path }),
      provider({ command: `cat ${path}` }),
      provider({ command: JSON.stringify(["cat", path]) }),
    ];
    await Deno.writeTextFile(path, `${one}\n`);
    for (const kind of [provider({ keys: one }), ...kinds]) {
      assertEquals((await kind.read()).map((root) => root.id), [id(one)], kind.from);
    }
    await Deno.writeTextFile(path, `${two}, ${one}`);
    for (const kind of kinds) {
      assertEquals((await kind.read()).map((root) => root.id), [id(two), id(one)], kind.from);
    }
    await Deno.writeTextFile(path, "not a key");
    for (const kind of kinds) {
      const message = await refused(() => kind.read());
      assert(message.startsWith("CONFIG_INVALID Root key 1 must be"), message);
      assert(!message.includes("not a key"), message);
    }
  } finally {
    await Deno.remove(path);
  }
  assertEquals(
    await refused(() => provider({ file: path }).read()),
    "CONFIG_INVALID FLUXBASE_ENCRYPTION_KEY_FILE can't be read",
  );
});

Deno.test("a command is not read by a shell", async () => {
  const text = generateRootKey().text;
  const [root] = await provider({ command: JSON.stringify(["printf", "%s", text]) }).read();
  assertEquals(root!.id, parseRootKeys(text)[0]!.id);
  const harmless = provider({ command: "echo $(id) `id` | tee /tmp/x ; exit" });
  assert((await refused(() => harmless.read())).startsWith("CONFIG_INVALID Root key 1 must be"));
});

const FAILURES: [command: string[], message: string][] = [
  [["no-such-program-here"], "can't be run"],
  [["sh", "-c", "echo secret-canary >&2; exit 3"], "ended with exit code 3"],
  [["sh", "-c", "sleep 60"], "did not end within 0.3 s"],
  [["sh", "-c", "sleep 60 & exec sleep 60"], "did not end within 0.3 s"],
  [["yes"], "printed too much"],
];

for (const [words, part] of FAILURES) {
  Deno.test(`a command such as ${words.join(" ")} is refused: ${part}`, async () => {
    const command = JSON.stringify(words);
    const message = await refused(() => provider({ command }, { commandTimeoutMs: 300 }).read());
    assertEquals(
      message,
      `ROOT_UNAVAILABLE The command of FLUXBASE_ENCRYPTION_KEY_COMMAND ${part}`,
    );
  });
}

Deno.test("a command may be run where the server may start a few programs only", async () => {
  const text = generateRootKey().text;
  const script = `
    import { runKeyCommand } from ${JSON.stringify(moduleUrl("command.ts"))};
    console.log(await runKeyCommand(["printf", "%s", ${JSON.stringify(text)}], { env: {} }));`;
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--no-prompt", "--allow-run=sh", "--allow-read", path],
      cwd: new URL("../../", import.meta.url).pathname,
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim(), text);
  } finally {
    await Deno.remove(path);
  }
});

function moduleUrl(name: string): string {
  return new URL(`../../lib/keyring/${name}`, import.meta.url).href;
}

testOnEmptyDatabases()("a ring moves from a root key to Transit and back", async (database) => {
  await using server = startTransit("fluxbase");
  const tokenFile = await Deno.makeTempFile();
  await Deno.writeTextFile(tokenFile, "s.token");
  try {
    const keys = generateRootKey().text;
    const local = provider({ keys });
    const transit = {
      transitUrl: server.url,
      transitKey: "fluxbase",
      transitTokenFile: tokenFile,
    };
    const value = Plaintext.fromText("value-1");
    const before = await joinKeyWorld(database, local);
    await before.vault.create(admin, ref("A"), { value });

    const both = await joinKeyWorld(database, provider({ keys, ...transit }));
    assertEquals((await both.ringAdmin.rewrap()).rewrapped, 4);
    const moved = await joinKeyWorld(database, provider(transit));
    assertEquals(await injected(moved), { FLUXBASE_SECRET_A: "value-1" });
    await moved.ringAdmin.rotate();
    assert((await refused(() => joinKeyWorld(database, local))).startsWith("KEY_RING_LOCKED"));

    // While Transit can't be asked, everything goes on but changes of the ring.
    server.mood.trouble = "sealed";
    await moved.vault.update(admin, ref("A"), { value: Plaintext.fromText("value-2") });
    assertEquals(await injected(moved), { FLUXBASE_SECRET_A: "value-2" });
    await moved.keeper.reload();
    assertEquals(moved.keeper.problem, null);
    assert((await refused(() => moved.ringAdmin.rotate())).startsWith("ROOT_UNAVAILABLE"));
    const late = () => joinKeyWorld(database, provider(transit));
    assert((await refused(late)).startsWith("ROOT_UNAVAILABLE"));
    server.mood.trouble = "none";

    const back = await joinKeyWorld(
      database,
      provider({ keys, ...transit, transitRole: "open" }),
    );
    assertEquals((await back.ringAdmin.rewrap()).rewrapped, 8);
    const end = await joinKeyWorld(database, local);
    assertEquals(await injected(end), { FLUXBASE_SECRET_A: "value-2" });
  } finally {
    await Deno.remove(tokenFile);
  }
});
