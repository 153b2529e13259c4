import { assert, assertEquals } from "@std/assert";
import type { Sql } from "../../lib/store/sql.ts";
import { StatementError } from "../../lib/store/sql_error.ts";
import { problemsOf, verificationOf } from "../support/verification.ts";
import { testOverDatabases, type World } from "../support/world.ts";
import { OPEN_ROWS, type RowAttack } from "./coverage.ts";
import { populate, served, type Tokens } from "./served.ts";
import { type Attack, attacks, KEPT } from "./tampering.ts";

const test = testOverDatabases();

/** How attacks on a table ended. */
interface Tally {
  tried: number;
  /** The schema doesn't let it happen, or nothing is changed by it. */
  impossible: number;
  /** Something that was served is refused. */
  refused: number;
  /** Everything is served as before. */
  harmless: number;
  reported: number;
  /** Need not be refused or reported, for a reason that stands in the list. */
  listed: number;
}

class Undo extends Error {}

test(
  "whatever is changed from outside is refused or without effect, and reported",
  async (world, kind) => {
    const { sql } = world.database;
    const tokens = await populate(world);
    const before = await served(world, sql, tokens);
    assertEquals(await problemsOf(verificationOf(world)), []);
    const tallies = new Map<string, Tally>();
    const failures: string[] = [];
    for (const attack of await attacks(sql)) {
      const tally = tallyOf(tallies, attack.table);
      tally.tried++;
      const wrong = await attempt(world, attack, tokens, before, tally);
      if (wrong !== undefined) {
        failures.push(
          `${attack.table}: ${attack.kind} ${attack.what}: ${wrong}`,
        );
      }
    }
    await sql.script(`drop schema ${KEPT} cascade`);
    print(kind, tallies);
    assertEquals(failures, []);
    assertEquals(await served(world, sql, tokens), before);
  },
);

/** Tries one attack and undoes it; returns what is wrong with how it ended. */
async function attempt(
  world: World,
  attack: Attack,
  tokens: Tokens,
  before: ReadonlyMap<string, string>,
  tally: Tally,
): Promise<string | undefined> {
  let wrong: string | undefined;
  await world.database.sql.transaction(async (tx) => {
    if (!await strike(tx, attack)) {
      tally.impossible++;
      throw new Undo();
    }
    const after = await served(world, tx, tokens);
    const changed = [...after].filter(([what, now]) => now !== before.get(what));
    const others = changed.filter(([, now]) => !now.startsWith("refused "));
    if (changed.length > 0) tally.refused++;
    else tally.harmless++;
    const listed = OPEN_ROWS[attack.table]?.[attack.kind as RowAttack];
    const found = await problemsOf(verificationOf(world, { sql: tx }), 1);
    if (found.length > 0) tally.reported++;
    if (listed !== undefined) tally.listed++;
    if (listed === undefined && others.length > 0) wrong = `served ${JSON.stringify(others)}`;
    if (listed?.reported !== false && found.length === 0) wrong = "not reported";
    throw new Undo();
  }).catch((error) => {
    if (!(error instanceof Undo)) throw error;
  });
  return wrong;
}

/** Does it; `false` when the schema doesn't let it happen, or nothing is changed by it. */
async function strike(tx: Sql, { table, statements }: Attack): Promise<boolean> {
  const state = async () =>
    (await tx.query(`select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as state
      from ${table} t`))[0]!["state"];
  const before = await state();
  try {
    return await tx.transaction(async (inner) => {
      for (const statement of statements) await inner.query(statement);
    }).then(async () => await state() !== before);
  } catch (error) {
    if (error instanceof StatementError) return false;
    throw error;
  }
}

function tallyOf(tallies: Map<string, Tally>, table: string): Tally {
  const none = { tried: 0, impossible: 0, refused: 0, harmless: 0, reported: 0, listed: 0 };
  const tally = tallies.get(table) ?? none;
  tallies.set(table, tally);
  return tally;
}

function print(kind: string, tallies: ReadonlyMap<string, Tally>): void {
  const names = ["tried", "impossible", "refused", "harmless", "reported", "listed"] as const;
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell, i) => i === 0 ? String(cell).padEnd(32) : String(cell).padStart(10)).join("");
  console.log(row([kind, ...names]));
  const total = tallyOf(new Map(), "");
  for (const [table, tally] of tallies) {
    console.log(row([table, ...names.map((name) => tally[name])]));
    for (const name of names) total[name] += tally[name];
  }
  console.log(row(["all", ...names.map((name) => total[name])]));
  assert(total.tried > 500);
}
