/**
 * Our database as pg-boss wants one.
 *
 * @module
 */
import type { Db } from "pg-boss";
import type { Database, Row, Sql, SqlValue } from "../store/sql.ts";
import { StatementError } from "../store/sql_error.ts";

/** A connection that pg-boss may use outside of transactions, with its notifications. */
export function bossDatabase(database: Database): Db {
  return {
    ...bossSql(database.sql),
    listen: (channel, onPayload, onGap) => database.listen(channel, onPayload, onGap),
    // Only a clock that is driven by hand asks for this.
    setSessionStatements: async (statements) => {
      for (const statement of statements) await database.sql.script(statement);
    },
  };
}

/** A handle, such as that of a transaction, that pg-boss runs its statements on. */
export function bossSql(sql: Sql): Db {
  return {
    async executeSql(text, values = []) {
      try {
        const rows = values.length === 0 && isScript(text)
          ? await sql.script(text)
          : await sql.query(text, values.map(bind));
        return { rows: rows.map(withLists) };
      } catch (error) {
        throw error instanceof StatementError ? withCode(error) : error;
      }
    },
  };
}

/** Whether it may be more than one statement; only these need the costlier way. */
function isScript(text: string): boolean {
  return text.trimEnd().replace(/;$/, "").includes(";");
}

function bind(value: unknown): SqlValue {
  if (value === undefined || value === null) return null;
  if (value instanceof Date || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "object" ? JSON.stringify(value) : value as SqlValue;
}

/** Settled ids come as `uuid[]`, which the port gives as text. */
function withLists(row: Row): Row {
  const { ids } = row;
  if (typeof ids !== "string") return row;
  return { ...row, ids: ids.slice(1, -1).split(",").filter((id) => id !== "") };
}

/** pg-boss tells errors apart by the fields that node-postgres gives them. */
function withCode(error: StatementError): Error {
  const { sqlstate: code, constraint } = error;
  return Object.assign(new Error(error.message, { cause: error }), { code, constraint });
}
