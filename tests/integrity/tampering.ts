/**
 * Attacks on stored rows by somebody who may write everything and has no key, made from the schema.
 *
 * @module
 */
import type { Row, Sql } from "../../lib/store/sql.ts";
import { OPEN_COLUMNS, OPEN_TABLES, type RowAttack } from "./coverage.ts";

/** One attack. */
export interface Attack {
  readonly table: string;
  readonly kind: "cell" | "swap" | "copied" | RowAttack;
  /** For people: which row, which column. */
  readonly what: string;
  readonly statements: readonly string[];
}

/** A table and what the attacks know of it. */
interface Table {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string; open: boolean }[];
  readonly key: readonly string[];
  /** Where the rows are now, as SQL conditions, and how they are called. */
  readonly rows: readonly {
    /** The condition, with an alias in front of each column. */
    at(alias: string): string;
    readonly label: string;
  }[];
}

/** The schema in which old copies are kept. */
export const KEPT = "kept";

/** Every attack on the rows that are there, and with the old copies in {@linkcode KEPT}. */
export async function attacks(sql: Sql): Promise<Attack[]> {
  const found: Attack[] = [];
  for (const table of await tables(sql)) {
    found.push(...cells(table), ...swaps(table), ...removals(table), ...copies(table));
    found.push(...await replays(sql, table));
  }
  return [...found, ...await wholeSecrets(sql)];
}

/** Keeps a copy of every row as it is now. */
export async function keepCopies(sql: Sql): Promise<void> {
  await sql.script(`drop schema if exists ${KEPT} cascade; create schema ${KEPT}`);
  for (const { name } of await tables(sql)) {
    await sql.script(`create table ${copyOf(name)} as table ${name}`);
  }
}

async function tables(sql: Sql): Promise<Table[]> {
  const columns = await sql<Row & { table: string; name: string; type: string }>`
    select c.table_schema || '.' || c.table_name as table, c.column_name as name,
      c.data_type as type
    from information_schema.columns c join information_schema.tables t
      using (table_schema, table_name)
    where c.table_schema in ('functions', 'app') and t.table_type = 'BASE TABLE'
    order by 1, c.ordinal_position`;
  const found: Table[] = [];
  for (const [name, group] of Map.groupBy(columns, ({ table }) => table)) {
    if (name in OPEN_TABLES) continue;
    found.push({
      name,
      columns: group.map((each) => ({ ...each, open: `${name}.${each.name}` in OPEN_COLUMNS })),
      ...await keyAndRows(sql, name),
    });
  }
  return found;
}

async function keyAndRows(sql: Sql, table: string): Promise<Pick<Table, "key" | "rows">> {
  const key = (await sql.query<Row & { name: string }>(
    `select a.attname as name from pg_index i
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
     where i.indrelid = $1::regclass and i.indisunique and i.indexprs is null
       and i.indpred is null
     order by i.indisprimary desc, i.indexrelid, a.attnum`,
    [table],
  )).map(({ name }) => name);
  // The first unique index: the primary key where there is one.
  const first = await sql.query<Row & { count: number }>(
    `select indnkeyatts::int as count from pg_index where indrelid = $1::regclass and indisunique
     and indexprs is null and indpred is null order by indisprimary desc, indexrelid limit 1`,
    [table],
  );
  const columns = key.slice(0, first[0]?.count);
  const literals = columns.map((column) => `coalesce(quote_literal(${column}::text), 'null')`);
  const rows = await sql.query<Row & { values: string[] }>(
    `select to_jsonb(array[${literals.join(", ")}]) as values from ${table} order by 1`,
  );
  return {
    key: columns,
    rows: rows.map(({ values }) => ({
      at: (alias) =>
        columns.map((column, i) =>
          `${alias}.${column}` + (values[i] === "null" ? " is null" : `::text = ${values[i]}`)
        ).join(" and "),
      label: values.join(" "),
    })),
  };
}

/** Other values for a cell: a slightly changed one, and none. */
const CHANGED: Readonly<Record<string, (column: string) => string>> = {
  text: (c) => `coalesce(${c}, '') || 'X'`,
  integer: (c) => `coalesce(${c}, 0) + 1`,
  bigint: (c) => `coalesce(${c}, 0) + 1`,
  "double precision": (c) => `coalesce(${c}, 0) + 1`,
  uuid: () => "gen_random_uuid()",
  "timestamp with time zone": (c) => `coalesce(${c} + interval '1 day', now())`,
  bytea: (c) =>
    `coalesce(set_byte(${c}, length(${c}) - 1, (get_byte(${c}, length(${c}) - 1) + 1) % 256), '\\x01')`,
  jsonb: () => `'["*"]'::jsonb`,
};

function cells({ name, columns, rows }: Table): Attack[] {
  return columns.filter(({ open }) => !open).flatMap((column) => {
    const changed = CHANGED[column.type];
    if (changed === undefined) throw new Error(`No attack on a column of type ${column.type}`);
    return rows.flatMap(({ at, label }) =>
      [changed(column.name), "null"].map((value): Attack => ({
        table: name,
        kind: "cell",
        what: `${column.name} of ${label} to ${value === "null" ? "null" : "another"}`,
        statements: [`update ${name} t set ${column.name} = ${value} where ${at("t")}`],
      }))
    );
  });
}

/** Of neighbours each column alone; of all pairs everything but the key. */
function swaps({ name, columns, key, rows }: Table): Attack[] {
  const swapped = columns.filter(({ open }) => !open).map((column) => column.name);
  const swap = (names: readonly string[], a: number, b: number): Attack => ({
    table: name,
    kind: "swap",
    what: `${names.length === 1 ? names[0] : "everything"} of ${rows[a]!.label} and ${
      rows[b]!.label
    }`,
    statements: [
      `update ${name} t set ${names.map((each) => `${each} = o.${each}`).join(", ")}
       from ${name} o where (${rows[a]!.at("t")} and ${rows[b]!.at("o")})
         or (${rows[b]!.at("t")} and ${rows[a]!.at("o")})`,
    ],
  });
  const single = rows.slice(1).flatMap((_, i) => swapped.map((each) => swap([each], i, i + 1)));
  const values = swapped.filter((each) => !key.includes(each));
  const whole = rows.flatMap((_, a) => rows.slice(a + 1).map((_, b) => swap(values, a, a + 1 + b)));
  return [...single, ...whole];
}

function removals({ name, rows }: Table): Attack[] {
  return rows.map(({ at, label }) => ({
    table: name,
    kind: "removed",
    what: label,
    statements: [`delete from ${name} t where ${at("t")}`],
  }));
}

/** A second row that differs in its key alone, with each column of the key changed. */
function copies({ name, columns, key, rows }: Table): Attack[] {
  const types = new Map(columns.map((column) => [column.name, column.type]));
  return rows.flatMap(({ at, label }) =>
    key.map((part): Attack => {
      const selected = columns.map((column) =>
        column.name === part ? CHANGED[types.get(part)!]!(part) : column.name
      );
      return {
        table: name,
        kind: "copied",
        what: `${label} under another ${part}`,
        statements: [
          `insert into ${name} (${columns.map((column) => column.name).join(", ")})
           select ${selected.join(", ")} from ${name} t where ${at("t")}`,
        ],
      };
    })
  );
}

/** The old copy of each row that has changed since, or is gone. */
async function replays(sql: Sql, table: Table): Promise<Attack[]> {
  const { name, columns, key } = table;
  const kept = copyOf(name);
  const same = key.map((each) => `t.${each} is not distinct from k.${each}`).join(" and ");
  const covered = columns.filter(({ open }) => !open).map((column) => column.name);
  const list = (alias: string) => covered.map((each) => `${alias}.${each}`).join(", ");
  const rows = await sql.query<Row & { at: string; gone: boolean }>(
    `select k.ctid::text as at, t.ctid is null as gone from ${kept} k left join ${name} t on ${same}
     where t.ctid is null or (${list("t")}) is distinct from (${list("k")}) order by k.ctid`,
  );
  return rows.map(({ at, gone }) => ({
    table: name,
    kind: "replayed",
    what: `old copy ${at}${gone ? " of a row that is gone" : ""}`,
    statements: gone ? [insertKept(table, at)] : [
      `update ${name} t set ${covered.map((each) => `${each} = k.${each}`).join(", ")}
       from ${kept} k where k.ctid = '${at}' and ${same}`,
    ],
  }));
}

function insertKept({ name, columns }: Table, at: string): string {
  const list = columns.map((column) => column.name).join(", ");
  return `insert into ${name} (${list}) select ${list} from ${copyOf(name)} where ctid = '${at}'`;
}

function copyOf(table: string): string {
  return `${KEPT}.${table.replace(".", "_")}`;
}

/** Old copies of secrets that are gone, each with its history. */
async function wholeSecrets(sql: Sql): Promise<Attack[]> {
  const all = await tables(sql);
  const [secrets, versions] = ["functions.secrets", "functions.secret_versions"].map((name) =>
    all.find((table) => table.name === name)!
  );
  const gone = await sql<Row & { at: string; versions: string[] }>`
    select k.ctid::text as at, (select to_jsonb(array_agg(v.ctid::text))
      from kept.functions_secret_versions v where v.secret_id = k.id) as versions
    from kept.functions_secrets k
    where not exists (select from functions.secrets t where t.id = k.id)`;
  return gone.map(({ at, versions: own }) => ({
    table: "functions.secrets",
    kind: "replayed",
    what: `old copy ${at} of a secret that is gone, with its history`,
    statements: [insertKept(secrets!, at), ...own.map((each) => insertKept(versions!, each))],
  }));
}
