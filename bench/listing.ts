/**
 * Lists and counts over very many secrets, beside the statement alone and beside few secrets.
 *
 * @module
 */
import { type Grant, type Principal } from "../lib/principal/principal.ts";
import { parseNamespace } from "../lib/resolve/ref.ts";
import type { Vault } from "../lib/vault/vault.ts";
import { databases, type TestDatabase } from "../tests/support/databases.ts";
import { admin, joinWorld, ref } from "../tests/support/world.ts";
import { fill, placeName } from "./support/fill.ts";
import { atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { takeTurns, timed } from "./support/rounds.ts";

/** Secrets in each place, however many places there are. */
const EACH = 500;
const FEW = 1_000;
const MANY = { postgres: 1_000_000, embedded: 100_000 };
const QUICK_MANY = 5_000;
const PAGE = 100;
const TIMES = 10;
/** It must not grow with the table; the rest is what two medians differ by anyway. */
const GROWTH = atMost(1.5);
const COLUMNS = "select * from functions.secrets where deleted_at is null";
const ORDER = `order by namespace collate "C" nulls first, name collate "C" limit ${PAGE}`;

/** A filled database, and what is looked for in it. */
interface Filled {
  readonly vault: Vault;
  /** Some place in the middle. */
  readonly middle: string;
  query(text: string): Promise<unknown>;
}

/** What is measured: through the vault, and as a statement alone. */
interface Look {
  readonly what: string;
  ours(filled: Filled): Promise<unknown>;
  bare(filled: Filled): string;
}

const LOOKS: readonly Look[] = [
  {
    what: "first page",
    ours: ({ vault }) => vault.list(admin, { limit: PAGE }),
    bare: () => `${COLUMNS} ${ORDER}`,
  },
  {
    what: "page in the global scope's middle",
    ours: ({ vault }) => vault.list(admin, { limit: PAGE, after: ref("SECRET_250") }),
    bare: () => `${COLUMNS} and namespace is null and name collate "C" > 'SECRET_250' ${ORDER}`,
  },
  {
    what: "page in the middle",
    ours: ({ vault, middle }) =>
      vault.list(admin, { limit: PAGE, after: ref("SECRET_250", middle) }),
    bare: ({ middle }) =>
      `${COLUMNS} and (namespace collate "C", name collate "C") > ('${middle}', 'SECRET_250')
       ${ORDER}`,
  },
  {
    what: "page of one namespace",
    ours: ({ vault, middle }) =>
      vault.list(admin, { limit: PAGE, namespace: parseNamespace(middle) }),
    bare: ({ middle }) => `${COLUMNS} and namespace = '${middle}' ${ORDER}`,
  },
  {
    what: "page for who sees one namespace",
    ours: ({ vault, middle }) =>
      vault.list(seesOnly({ namespaces: [middle], names: ["*"] }), { limit: PAGE }),
    bare: ({ middle }) => `${COLUMNS} and namespace = '${middle}' ${ORDER}`,
  },
  {
    what: "page for who sees names that begin so",
    ours: ({ vault, middle }) =>
      vault.list(seesOnly({ namespaces: [`${middle}*`], names: ["SECRET_1*"] }), { limit: PAGE }),
    bare: ({ middle }) =>
      `${COLUMNS} and namespace like '${middle}%' and name like 'SECRET\\_1%' ${ORDER}`,
  },
  {
    what: "count",
    ours: ({ vault }) => vault.stats(admin),
    bare: () => "select count(*) from functions.secrets where deleted_at is null",
  },
];

/** Measures both databases. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const kind of databases) measures.push(...await measure(kind, options));
  return measures;
}

async function measure(kind: TestDatabase, options: BenchOptions): Promise<Measure[]> {
  const secrets = options.quick ? QUICK_MANY : MANY[kind.name];
  const few = await open(kind, FEW, options);
  const many = await open(kind, secrets, options);
  const measures: Measure[] = [];
  for (const { what, ours, bare } of LOOKS) {
    const statement = bare(many);
    const found = await takeTurns(options.quick ? 2 : 7, {
      few: () => millis(() => ours(few)),
      many: () => millis(() => ours(many)),
      bare: () => millis(() => many.query(statement)),
    });
    const row = `${what} of ${secrets.toLocaleString("en")}, ${kind.name}`;
    measures.push(
      beside(row, "ms", found.many, ["bare query", found.bare]),
      beside(row, "ms", found.many, [`of ${FEW.toLocaleString("en")}`, found.few], GROWTH),
    );
  }
  return measures;
}

async function open(kind: TestDatabase, secrets: number, { scope }: BenchOptions): Promise<Filled> {
  const database = await kind.open();
  scope.defer(() => database.close());
  const { ring, vault } = await joinWorld(database);
  const places = secrets / EACH;
  await fill(database.sql, ring, { places, secretsEach: EACH, versions: 1, valueBytes: 64 });
  // What a database does by itself after a while.
  await database.sql.script("vacuum analyze functions.secrets");
  const middle = placeName(Math.ceil(places / 2))!;
  return { vault, middle, query: (text) => database.sql.query(text) };
}

/** The time of one of several repetitions, in ms. */
async function millis(work: () => Promise<unknown>): Promise<number> {
  const all = async () => {
    for (let i = 0; i < TIMES; i++) await work();
  };
  return await timed(all) / TIMES;
}

function seesOnly(where: Pick<Grant, "namespaces" | "names">): Principal {
  return { ...admin, grants: [{ actions: ["secrets:list"], ...where }] };
}
