/**
 * The vault's parts of the walk over everything that is authenticated.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { verifySecretRow, verifyVersionRow } from "../resolve/associated_data.ts";
import {
  checkPlaces,
  checkRows,
  type Head,
  missingHead,
  NAMESPACES,
  openHead,
  type Place,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { describeRef, type SecretRow } from "../resolve/records.ts";
import { openVersion } from "../resolve/resolver.ts";
import { findHead, listHeads, listPlaces } from "../store/heads.ts";
import { findBrokenHistories, listSecretPlaces, pageOfPlace } from "../store/history_scan.ts";
import { versionRow } from "../store/secret_rows.ts";
import { answerRow } from "../store/idempotency.ts";
import type { Row, Sql } from "../store/sql.ts";
import type { Finding, VerifyPart } from "../verify/part.ts";
import { rowsPart } from "../verify/rows_part.ts";
import { GLOBAL } from "../verify/verification.ts";
import { problemsOf } from "../verify/verify.ts";
import { Idempotency } from "./idempotency.ts";

/** With what is verified. */
export interface VerifyTools {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
}

const PAGE = 500;
const FIRST = "00000000-0000-0000-0000-000000000000";
/** How often a place is gone through again that changed meanwhile, before it is locked. */
const ATTEMPTS = 3;

/** Heads, secrets, their versions and remembered answers. */
export function vaultParts(tools: VerifyTools): VerifyPart[] {
  return [
    headsPart(tools),
    secretsPart(tools),
    historyPart(tools),
    versionsPart(tools),
    answersPart(tools),
  ];
}

function headsPart({ sql, ring, watch }: VerifyTools): VerifyPart {
  return {
    name: "heads",
    tables: ["functions.heads"],
    async *walk(): AsyncGenerator<Finding> {
      const check = watch.begin([NAMESPACES]);
      const { registry, places } = await listPlaces(sql);
      yield* problemsOf(() => {
        checkPlaces(ring, registry, places);
        check(NAMESPACES, registry);
      });
      for (const head of await listHeads(sql)) {
        const problems = problemsOf(() => openHead(ring, head));
        yield* problems;
        if (problems.length === 0) yield stateOf(head);
        yield { checked: 1 };
      }
    },
  };
}

function secretsPart(tools: VerifyTools): VerifyPart {
  return {
    name: "secrets",
    tables: ["functions.secrets"],
    async *walk(): AsyncGenerator<Finding> {
      const heads = (await listHeads(tools.sql)).map(({ place }) => place);
      const places = new Set<Place>([null, ...heads, ...await listSecretPlaces(tools.sql)]);
      for (const place of places) {
        if (place === null || !place.startsWith("@")) yield* placeFindings(tools, place);
      }
    },
  };
}

/** Between two equal looks at the head nothing has changed; a busy place is locked in the end. */
async function* placeFindings(tools: VerifyTools, place: Place): AsyncGenerator<Finding> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const findings = await walkPlace(tools, place);
    if (findings !== undefined) return yield* findings;
  }
  const findings = await tools.sql.transaction(async (sql) => {
    await findHead(sql, place, { forUpdate: true });
    return await walkPlace({ ...tools, sql }, place);
  });
  yield* findings ?? [];
}

async function walkPlace(
  { sql, ring, watch }: VerifyTools,
  place: Place,
): Promise<Finding[] | undefined> {
  const check = watch.begin([place]);
  const head = await findHead(sql, place);
  const findings: Finding[] = [];
  const sound: SecretRow[] = [];
  for (let after: string | null = FIRST; after !== null;) {
    const rows: SecretRow[] = await pageOfPlace(sql, place, after, PAGE);
    for (const row of rows) {
      const problems = problemsOf(() => verifySecretRow(ring, row));
      if (problems.length === 0) sound.push(row);
      findings.push(...problems);
    }
    findings.push({ checked: rows.length });
    after = rows.at(-1)?.id ?? null;
  }
  const now = await findHead(sql, place);
  if (now?.mac.toHex() !== head?.mac.toHex()) return undefined;
  return [
    ...findings,
    ...problemsOf(() => {
      if (head === undefined) throw missingHead(place);
      for (const kind of ["live", "deleted"] as const) {
        const rows = sound.filter(({ deletedAt }) => (deletedAt === null) === (kind === "live"));
        checkRows(ring, head, rows, kind);
      }
      check(place, head);
    }),
  ];
}

function historyPart({ sql }: VerifyTools): VerifyPart {
  return {
    name: "histories",
    tables: [],
    async *walk(): AsyncGenerator<Finding> {
      for (const row of await findBrokenHistories(sql)) {
        const { oldest_version: oldest, version } = row;
        yield { problem: `History of secret ${describeRef(row)} is not ${oldest} to ${version}` };
      }
    },
  };
}

function versionsPart({ sql, ring }: VerifyTools): VerifyPart {
  return rowsPart({
    name: "versions",
    sql,
    table: "functions.secret_versions",
    select: "t.*, s.scope, s.namespace, s.name",
    join: "join functions.secrets s on s.id = t.secret_id",
    large: "envelope",
    check(row) {
      const version = versionRow(row);
      const secret = { ...secretOf(row), id: version.secretId };
      openVersion(ring, secret, verifyVersionRow(ring, secret, version));
    },
  });
}

function secretOf(row: Row): Pick<SecretRow, "scope" | "namespace" | "name"> {
  const { scope, namespace, name } = row as Row & SecretRow;
  return { scope, namespace, name };
}

function answersPart({ sql, ring }: VerifyTools): VerifyPart {
  const idempotency = new Idempotency(ring);
  return rowsPart({
    name: "remembered answers",
    sql,
    table: "functions.idempotency_keys",
    check(row) {
      if (idempotency.isGenuine(answerRow(row))) return;
      throw new AppError("INTEGRITY_VIOLATION", "A remembered answer is not as it was written");
    },
  });
}

function stateOf({ place, revision, mac }: Head): Finding {
  return { head: place ?? GLOBAL, revision, mac: mac.toHex() };
}
