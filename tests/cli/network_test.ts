import { assertEquals } from "@std/assert";
import { good, NOBODY, testCli } from "../support/cli_world.ts";
import { cutFirstAnswer, listenAndDrop, relayAfter } from "../support/relay.ts";
import { admin, ref } from "../support/world.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";

testCli("a server that is not there is named, with the command that starts one", async (run) => {
  const { err } = await run(["secrets", "list"], {
    env: { FLUXBASE_SERVER: NOBODY },
  });
  const want = `Error: No server at ${NOBODY} — start one with: deno task start\n`;
  assertEquals(err, want);
});

testCli("a write whose answer is lost is sent once more and happens once", async (run, api) => {
  await good(run, ["secrets", "set", "KEY", "value-1"]);
  await using relay = cutFirstAnswer(api.port);
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${relay.port}` };
  const { code, err } = await run(["secrets", "set", "KEY", "value-2", "--debug"], { env });
  assertEquals(code, 0, err);
  assertEquals(err.match(/DEBUG: PUT \/api\/v1\/secrets\/by-name\/KEY\n/g)?.length, 2);
  const history = JSON.parse(await good(run, ["secrets", "history", "KEY", "-o", "json"]));
  assertEquals(history.length, 2);
});

testCli("the admin key does not go through a proxy", async (run, api) => {
  await using proxy = listenAndDrop();
  const url = `http://127.0.0.1:${proxy.port}`;
  const env = { HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url, NO_PROXY: "other.test" };
  for (const host of ["127.0.0.1", "localhost"]) {
    const server = `http://${host}:${api.port}`;
    await good(run, ["secrets", "list"], { env: { ...env, FLUXBASE_SERVER: server } });
  }
  assertEquals(proxy.accepted(), 0);
});

testCli("a redirect is not followed, so that no key goes elsewhere", async (run) => {
  const seen: string[] = [];
  const elsewhere = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    seen.push(request.url);
    return Response.redirect("http://127.0.0.1:9/", 307);
  });
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${elsewhere.addr.port}` };
  const { code, err } = await run(["secrets", "list"], { env });
  await elsewhere.shutdown();
  assertEquals([code, seen.length, err], [1, 1, "Error: API error with status 307\n"]);
});

testCli("secrets list brings every page", async (run, _api, { vault }) => {
  const names = Array.from({ length: 1_003 }, (_, i) => `KEY_${String(i).padStart(4, "0")}`);
  const value = Plaintext.fromText("value-1");
  for (let at = 0; at < names.length; at += 50) {
    const some = names.slice(at, at + 50);
    await Promise.all(some.map((name) => vault.create(admin, ref(name), { value })));
  }
  const listed = JSON.parse(await good(run, ["secrets", "list", "-o", "json"]));
  assertEquals(listed.map((each: { name: string }) => each.name), names);
});

testCli("a secret that somebody else creates in between is updated", async (run, api, world) => {
  const theirs = { value: Plaintext.fromText("value-theirs") };
  await using relay = relayAfter(api.port, async (head) => {
    if (head.startsWith("POST ")) await world.vault.create(admin, ref("KEY"), theirs);
  });
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${relay.port}` };
  const out = await good(run, ["secrets", "set", "KEY", "value-ours"], { env });
  assertEquals(out.split("\n")[0], "Secret 'KEY' updated.");
  assertEquals(await api.reveal("KEY"), "value-ours");
  const history = JSON.parse(await good(run, ["secrets", "history", "KEY", "-o", "json"]));
  assertEquals(history.length, 2);
});
