import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { good, testCli } from "../support/cli_world.ts";
import { cutFirstAnswer } from "../support/relay.ts";

const KEY = /^fxsk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\n$/;

testCli("a key is made, shown once on stdout alone, and does what it was made for", async (run) => {
  const made = await run(["keys", "create", "ci", "--role", "reader", "--namespace", "prod"]);
  assertEquals(made.code, 0, made.err);
  assertMatch(made.out, KEY);
  assertMatch(made.err, /^Key 'ci' created\. It expires: 20\d\d-.*Z\. This is the only time/);
  const key = made.out.trim();
  const secret = key.slice(14, 57);
  const env = { FLUXBASE_TOKEN: key };
  await good(run, ["secrets", "set", "A", "value-1", "--namespace", "prod"]);
  await good(run, ["secrets", "set", "A", "value-1"]);
  const listed = JSON.parse(await good(run, ["secrets", "list", "-o", "json"], { env }));
  assertEquals(listed.map((each: { namespace?: string }) => each.namespace), ["prod"]);
  const denied = await run(["secrets", "set", "A", "v", "--namespace", "prod"], { env });
  assertEquals(denied.code, 3);
  for (const words of [["keys", "list", "-o", "json"], ["keys", "get", "ci"], ["keys", "list"]]) {
    const out = await good(run, words);
    assert(out.includes(key.slice(0, 13)) && !out.includes(secret), words.join(" "));
  }
  assertEquals((await run(["keys", "list"], { env })).code, 3);
});

testCli("grants are typed, checked, and written back as they can be typed", async (run) => {
  const grant = "secrets:read,secrets:list @ prod* : STRIPE_*";
  await good(run, [
    ...["keys", "create", "billing", "--expires", "never", "--cidr", "10.0.0.0/8,::1"],
    ...["--grant", grant, "--grant", "functions:invoke : charge", "--namespace", "prod"],
  ]);
  const shown = JSON.parse(await good(run, ["keys", "get", "billing"]));
  assertEquals(shown.grants_text, [grant, "functions:invoke @ prod : charge"]);
  assertEquals([shown.expires_at, shown.cidrs, shown.state], [null, ["10.0.0.0/8", "::1"], "good"]);
  const wrong: [words: string[], why: RegExp][] = [
    [["x"], /--role or --grant is needed/],
    [["x", "--role", "root"], /Role must be one of: admin, writer, deployer, reader, invoker/],
    [["x", "--grant", "secrets:reveal"], /A grant's actions must be of/],
    [["x", "--grant", "secrets:read prod"], /A grant is ACTIONS @ NAMESPACES : NAMES/],
    [["x", "--role", "reader", "--expires", "yesterday"], /--expires is not understood/],
    [["x", "--role", "reader", "--cidr", "10.0.0.0/99"], /cidrs must be/],
    [["x", "--role", "reader", "--role", "admin"], /given more than once/],
  ];
  for (const [words, why] of wrong) {
    const { code, err } = await run(["keys", "create", ...words]);
    assertEquals(code, 2, err);
    assertMatch(err, why);
  }
});

testCli(
  "a key is rotated by name, ID or its beginning, and the old one has its time",
  async (run) => {
    const first = (await good(run, ["keys", "create", "ci", "--role", "reader"])).trim();
    const rotated = await run(["keys", "rotate", "ci", "--overlap", "2h"]);
    assertMatch(rotated.out, KEY);
    assertMatch(rotated.err, /^Key 'ci' rotated; the old one is good until 20/);
    const second = rotated.out.trim();
    assertEquals(second.slice(0, 13), first.slice(0, 13));
    const works = async (key: string) =>
      (await run(["secrets", "list"], { env: { FLUXBASE_TOKEN: key } })).code;
    assertEquals([await works(first), await works(second)], [0, 0]);
    const third = (await good(run, ["keys", "rotate", second.slice(0, 13), "--overlap", "0"]))
      .trim();
    assertEquals([await works(first), await works(second), await works(third)], [3, 3, 0]);
    const { id } = JSON.parse(await good(run, ["keys", "get", "ci"]));
    assertEquals(await good(run, ["keys", "revoke", id]), "Key 'ci' revoked.\n");
    assertEquals(await works(third), 3);
    assertEquals((await run(["keys", "rotate", "ci"])).code, 5);
    assertEquals((await run(["keys", "revoke", "nobody"])).code, 4);
    const states = JSON.parse(await good(run, ["keys", "list", "--all", "-o", "json"]));
    assertEquals(states.map((key: { state: string }) => key.state), ["good", "revoked"]);
    for (const overlap of ["-1h", "soon", "never", "31d"]) {
      assertEquals((await run(["keys", "rotate", "admin", "--overlap", overlap])).code, 2, overlap);
    }
  },
);

testCli("two keys of one name are told apart", async (run) => {
  for (let i = 0; i < 2; i++) await good(run, ["keys", "create", "ci", "--role", "reader"]);
  const { code, err } = await run(["keys", "revoke", "ci"]);
  const [sentence, hint] = err.split("\n");
  assertEquals([code, sentence], [5, "Error: Several service keys have this name"]);
  const [first, second] = hint!.match(/fxsk_[0-9A-Za-z]{8}/g)!;
  await good(run, ["keys", "revoke", first!]);
  assertStringIncludes(await good(run, ["keys", "get", "ci"]), second!);
});

testCli("a key whose answer is lost is not made twice", async (run, api) => {
  await using relay = cutFirstAnswer(api.port);
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${relay.port}` };
  assertEquals((await run(["keys", "create", "ci", "--role", "reader"], { env })).code, 1);
  const listed = JSON.parse(await good(run, ["keys", "list", "-o", "json"]));
  assertEquals(listed.length, 2);
});

testCli("whoami tells who one is and what one may do", async (run) => {
  const key = (await good(run, ["keys", "create", "ci", "--role", "invoker"])).trim();
  const self = JSON.parse(
    await good(run, ["whoami", "-o", "json"], { env: { FLUXBASE_TOKEN: key } }),
  );
  assertEquals([self.kind, self.grants_text], ["service_key", ["functions:invoke,jobs:submit"]]);
  assertMatch(await good(run, ["auth", "status"]), /service_key/);
});
