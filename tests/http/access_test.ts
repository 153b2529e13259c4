import { assert, assertEquals } from "@std/assert";
import { type Action, ACTIONS } from "../../lib/principal/principal.ts";
import { ACCESS, type Row } from "./access_table.ts";
import {
  type Answer,
  ask,
  badCredentials,
  bearer,
  comparable,
  keyFor,
  MINE,
  nothingIn,
  NOWHERE,
  prepare,
  prepareAll,
  routesOf,
  type Server,
  THEIRS,
  token,
  withWholeServer,
} from "./access_world.ts";

type Routes = readonly (readonly [route: string, row: Row])[];

/** Collects what is wrong, so that one route doesn't hide the next. */
class Problems {
  readonly #found: string[] = [];

  /** Notes what `check` finds wrong. */
  note(what: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#found.push(`${what}: ${error instanceof Error ? error.message.slice(0, 400) : error}`);
    }
  }

  assertNone(): void {
    if (this.#found.length > 0) throw new Error(this.#found.join("\n"));
  }
}

/** What a route answers to somebody who is known and may not. */
function assertShutOut({ status, body }: Answer, row: Row): void {
  if (row.guard === "list" && status !== 403) {
    assertEquals(status, 200, body);
    assert(!/"mine"|S_[0-9A-F]{8}/.test(body), body);
  } else {
    assert([401, 403, 404].includes(status), `${status} ${body}`);
  }
}

function assertLetIn({ status, body }: Answer, row: Row): void {
  if (row.ok !== undefined) assertEquals(status, row.ok, body);
  else assert(![401, 403].includes(status) && status < 500, `${status} ${body}`);
}

/** No route is opened by a bad credential, and all answer it alike. */
async function tryBad(server: Server, closed: Routes, problems: Problems): Promise<void> {
  for (const [why, credential] of Object.entries(await badCredentials(server))) {
    let first: string | undefined;
    for (const [route] of closed) {
      for (const namespace of [MINE, NOWHERE]) {
        const answer = await ask(server, route, nothingIn(namespace), credential);
        problems.note(`${route} in ${namespace} with ${why}`, () => {
          assertEquals([answer.status, answer.headers.get("www-authenticate")], [401, "Bearer"]);
          const { body } = comparable(answer);
          assertEquals(body, first ??= body);
        });
      }
    }
  }
}

/** Here the body says what is wanted, and the answer is about that. */
const MAKES_KEYS = new Set(["POST /api/v1/admin/keys"]);

/** To a key for another namespace, what is here and what is nowhere look alike. */
async function tryStranger(server: Server, closed: Routes, problems: Problems): Promise<void> {
  const stranger = await keyFor(server, ["*"], THEIRS);
  const here = await prepareAll(server, MINE);
  const nowhere = { ...nothingIn(NOWHERE), secret: here.secret };
  for (const [route, row] of closed) {
    if (row.guard === "self") continue;
    const seen = await ask(server, route, here, stranger);
    const unseen = await ask(server, route, nowhere, stranger);
    problems.note(route, () => {
      assertShutOut(seen, row);
      // What somebody names by its place isn't forbidden to a stranger: it isn't there.
      if (row.uses !== undefined && !MAKES_KEYS.has(route)) assertEquals(seen.status, 404);
      assertEquals(comparable(seen), comparable(unseen));
    });
  }
}

/** Each action that a route needs is needed: all others together don't open it. */
async function tryWithout(server: Server, closed: Routes, problems: Problems): Promise<void> {
  const places = [await prepareAll(server, MINE), await prepareAll(server, null)];
  for (const [route, row] of closed) {
    for (const without of row.actions) {
      const rest = ACTIONS.filter((action) => action !== without && !implies(action, row));
      for (const at of row.guard === "place" ? places : [nothingIn(null)]) {
        const key = await keyFor(server, rest, row.guard === "whole" ? "*" : at.namespace);
        const answer = await ask(server, route, at, key);
        const what = `${route} in ${at.namespace} without ${without}`;
        problems.note(what, () => assertShutOut(answer, row));
      }
    }
  }
}

/** Other actions by which a list shows something as well. */
function implies(action: Action, row: Row): boolean {
  return row.guard === "list" && row.actions.includes("functions:invoke") &&
    action === "functions:read";
}

/** What a row names is enough. */
async function tryWith(server: Server, closed: Routes, problems: Problems): Promise<void> {
  for (const [route, row] of closed) {
    // Only people have settings of their own.
    if (row.guard === "never" || row.actions.includes("settings:own")) continue;
    for (const namespace of row.guard === "place" ? [MINE, null] : [null]) {
      const actions = row.actions.length === 0 ? ["logs:read"] as const : row.actions;
      const key = await keyFor(server, actions, row.guard === "whole" ? "*" : namespace);
      const answer = await ask(server, route, await prepare(server, namespace, row.uses), key);
      problems.note(`${route} in ${namespace}`, () => assertLetIn(answer, row));
    }
  }
}

const ROLES: Readonly<Record<string, readonly (Action | "*")[]>> = {
  anon: [],
  unheard: [],
  authenticated: ["functions:invoke", "settings:own"],
  admin: ["*", ...ACTIONS],
  service_role: ["*", ...ACTIONS],
};

/** People may what the documented meaning of their role says. */
async function tryPeople(server: Server, closed: Routes, problems: Problems): Promise<void> {
  const here = await prepareAll(server, MINE);
  for (const [role, granted] of Object.entries(ROLES)) {
    const credential = bearer(await token(server, role));
    for (const [route, row] of closed) {
      const may = row.guard !== "never" && row.actions.every((action) => granted.includes(action));
      const at = may ? await prepare(server, MINE, row.uses) : here;
      const answer = await ask(server, route, at, credential);
      const assertRight = may ? assertLetIn : assertShutOut;
      problems.note(`${route} as ${role}`, () => assertRight(answer, row));
    }
  }
}

/** Open routes do nothing for nobody. */
async function tryOpen(server: Server, open: Routes, problems: Problems): Promise<void> {
  for (const [route, row] of open) {
    const answer = await ask(server, route, nothingIn(null), {});
    problems.note(route, () => assertEquals(answer.status, row.ok));
  }
}

Deno.test("every route lets in whom its row names, and tells others nothing", async (t) => {
  await withWholeServer(async (server) => {
    const routes = routesOf(server);
    await t.step("every route has a row", () => {
      const missing = routes.filter((route) => ACCESS[route] === undefined);
      assertEquals(missing, [], "add these to tests/http/access_table.ts");
    });
    const rows = routes.flatMap((route) => ACCESS[route] ? [[route, ACCESS[route]] as const] : []);
    const closed = rows.filter(([, { guard }]) => guard !== "open");
    const open = rows.filter(([, { guard }]) => guard === "open");
    const step = (name: string, work: typeof tryBad, routes: Routes = closed) =>
      t.step(name, async () => {
        const problems = new Problems();
        await work(server, routes, problems);
        problems.assertNone();
      });
    await step("no bad credential opens a route, or is told from another by it", tryBad);
    await step("a key for another namespace can't tell this one from none at all", tryStranger);
    await step("a key with every other action isn't let in", tryWithout);
    await step("a key with the action and no other is let in", tryWith);
    await step("people may what their role says", tryPeople);
    await step("open routes do nothing for nobody", tryOpen, open);
  });
});
