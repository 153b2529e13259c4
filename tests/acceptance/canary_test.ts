import { assert, assertEquals } from "@std/assert";
import { Canary, Search } from "../support/canary.ts";
import { allRows, withDatabaseOf } from "../support/rows.ts";
import { type ServerProcess, type Told, withServer } from "../support/server.ts";
import { type Site, testOnSites } from "../support/site.ts";
import { badRequests, sendRaw } from "./bad_requests.ts";

/** What stands between the halves of a value that every coding changes in its own way. */
const NASTY = `"'\\ /é&=+%<`;

/** All that is looked for. */
interface Canaries {
  /** Read and spilled by a function; set over HTTP. */
  readonly simple: Canary;
  readonly nasty: Canary;
  /** Set by the command line. */
  readonly typed: Canary;
  readonly piped: Canary;
  /** Sent in requests that are refused. */
  readonly refused: Canary;
}

function release(): Canaries {
  const make = (name: string) => new Canary(name);
  return {
    ...{ simple: make("simple"), nasty: make("nasty"), typed: make("typed") },
    ...{ piped: make("piped"), refused: make("refused") },
  };
}

async function spillSource(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(`./functions/${name}`, import.meta.url));
}

async function placeFunctions(site: Site): Promise<void> {
  await site.write("spill.js", await spillSource("spill.js"));
  const value = `secrets.getRequired("SIMPLE") + secrets.getRequired("NASTY")`;
  await site.write("load_throws.js", `throw new Error(${value}); export default () => {};`);
  await site.write("load_prints.js", `console.log(${value}); export default () => {};`);
  await site.write("load_exits.js", `console.error(${value}); Deno.exit(3);`);
  await site.write("no_handler.js", `console.log(${value}); export const a = ${value};`);
  await site.write("say.js", `export default async (req) => console.log(await req.text());`);
}

/** Everything of an answer that is the server's word. */
function lookAtAnswer(search: Search, where: string, { headers, text }: Told): void {
  search.look(`the answer to ${where}`, text);
  lookAtHeaders(search, where, headers);
}

function lookAtHeaders(search: Search, where: string, headers: Headers): void {
  search.look(`the headers of ${where}`, JSON.stringify([...headers]));
}

async function setAll(server: ServerProcess, canaries: Canaries, search: Search): Promise<void> {
  const { simple, nasty, typed, piped } = canaries;
  for (const [name, value] of [["SIMPLE", simple.with()], ["NASTY", nasty.with(NASTY)]] as const) {
    const json = { name, value };
    lookAtAnswer(search, "a create", await server.ask("POST", "/api/v1/secrets", { json }));
    const path = `/api/v1/admin/secrets/${name}`;
    lookAtAnswer(search, "an update", await server.ask("PUT", path, { json }));
  }
  const lines = [
    await server.cli(["secrets", "set", "TYPED", typed.with()]),
    await server.cli(["secrets", "set", "PIPED", "-"], piped.with()),
    await server.cli(["secrets", "set", "PIPED", "-", "--debug"], piped.with()),
    await server.cli(["secrets", "set", "not a name", typed.with()]),
    await server.cli(["secrets", "set", "TYPED", typed.with(), typed.with()]),
    await server.cli(["secrets", "get", "TYPED", "-o", "yaml"]),
  ];
  for (const { out, err } of lines) search.look("the command line's output", out + err);
  assertEquals(lines.map(({ code }) => code), [0, 0, 0, 2, 2, 0]);
}

/** Spills both values in all ways; a value comes out of a function's own body and nowhere else. */
async function spill(server: ServerProcess, canaries: Canaries, search: Search): Promise<void> {
  const told = await server.call("spill");
  const ways: [string, string[]][] = JSON.parse(told.text);
  for (const [way, names] of ways) {
    for (const name of names) {
      for (const which of ["SIMPLE", "NASTY"]) await spillOnce({ way, name, which });
    }
  }
  async function spillOnce({ way, name, which }: Record<"way" | "name" | "which", string>) {
    const query = new URLSearchParams({ way, do: name, of: which });
    const answer = await server.fetch("POST", `/api/v1/functions/spill/invoke?${query}`);
    const text = await answer.text().catch(() => "");
    lookAtHeaders(search, `${way} ${name}`, answer.headers);
    if (way === "prints") {
      const value = which === "SIMPLE" ? canaries.simple.with() : canaries.nasty.with(NASTY);
      assertEquals(text, value, "the function's own body");
    } else search.look(`the answer to ${way} ${name}`, text);
  }
  for (const name of ["load_throws", "load_prints", "load_exits", "no_handler"]) {
    lookAtAnswer(search, name, await server.call(name));
  }
}

async function sendBadRequests(server: ServerProcess, canary: Canary, search: Search) {
  const text = canary.with();
  await server.set("KNOWN", "a known value");
  for (const [method, path, options] of badRequests(text)) {
    const told = await server.ask(method, path, options);
    assert(told.status >= 400, `${told.status} for ${method} ${path.replaceAll(text, "…")}`);
    lookAtAnswer(search, `${method} ${path.replaceAll(text, "…")}`, told);
  }
  const { host } = new URL(server.url);
  const raw = [
    `GET /${text} HTTP/9.9\r\nHost: ${host}\r\n\r\n`,
    `${text}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${text}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: ${text}\r\nAuthorization: Bearer ${text}\r\nConnection: close\r\n\r\n`,
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${text}\r\n\r\n${text}`,
    `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n${text}\r\n`,
  ];
  for (const request of raw) lookAtAnswer(search, "raw bytes", await sendRaw(server, request));
}

testOnSites("a value is found nowhere but in the function's own response body", async (site) => {
  await placeFunctions(site);
  const canaries = release();
  const search = new Search(Object.values(canaries));
  for (const format of ["text", "json"]) {
    const { out, err } = await withServer(site, async (server) => {
      await setAll(server, canaries, search);
      await spill(server, canaries, search);
      await sendBadRequests(server, canaries.refused, search);
      await search.lookAtProcess(server.pid);
    }, { env: { FLUXBASE_LOG_FORMAT: format } });
    for (const line of (out + err).split("\n")) search.look(`the ${format} log: ${line}`, line);
  }
  const keep = site.kind === "embedded" ? [] : [`${site.dataDir}/database`];
  await search.lookBelow(site.dataDir, keep);
  const rows = await withDatabaseOf(site, allRows);
  for (const { table, text, binary } of rows) {
    search.look(`${table}: ${text.slice(0, 300)}`, text);
    for (const bytes of binary) search.look(`${table}, binary`, bytes);
  }
  assertEquals([...new Set(search.finds)], []);
  assert(rows.some(({ text }) => text.includes("level ***")), "what was printed is in the rows");
});

testOnSites(
  "what is no secret is found in rows, files and logs by the same search",
  async (site) => {
    await placeFunctions(site);
    const control = new Canary("control");
    const key = () => Deno.readTextFile(`${site.dataDir}/admin.key`);
    await withServer(site, async (server) => {
      const json = { name: "A", value: "some value", description: control.with() };
      await server.ask("POST", "/api/v1/secrets", { json });
      await server.call("say", { body: control.with() });
    });
    const search = new Search([control, new Canary("admin key", [(await key()).trim()])]);
    for (const { table, text } of await withDatabaseOf(site, allRows)) search.look(table, text);
    await search.lookBelow(site.dataDir);
    const found = new Set(search.finds);
    for (const table of ["functions.secrets", "functions.execution_logs"]) {
      assert(found.has(`control in ${table}`), table);
    }
    assert(found.has(`admin key in ${site.dataDir}/admin.key`));
    // The key's only place is its file.
    assertEquals(search.finds.filter((find) => find.startsWith("admin key")).length, 1);
  },
);

Deno.test("the search finds a text whole and in half, in every coding", () => {
  const canary = new Canary("sought");
  const [first] = canary.parts as [string, string];
  const bytes = new TextEncoder().encode(canary.with());
  const codings = [
    ...[canary.with(), canary.with("…"), first, first.toUpperCase(), bytes.toHex()],
    ...["", "a", "ab"].map((before) => btoa(before + canary.with())),
    bytes.toBase64({ alphabet: "base64url" }),
    canary.with().split("").reverse().join(""),
  ];
  for (const text of codings) assert(canary.isIn(`before ${text} behind`), text);
  assert(!canary.isIn(new Canary("other").with()));
});
