/**
 * The API of the audit, for `/api/v1/admin/audit`.
 *
 * @module
 */
import { Hono } from "hono";
import { type AuditRecord, isIntact } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { can, visibility } from "../principal/principal.ts";
import { type AuditPosition, listRecords } from "../store/audit_list.ts";
import type { Sql } from "../store/sql.ts";
import { auditPart } from "../verify/audit_part.ts";
import { streamStarts } from "../verify/audit_starts.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { oneOf } from "./log_query.ts";
import { mountMethods } from "./methods.ts";
import { parseLimit } from "./paging.ts";
import { queryOnce } from "./secret_locator.ts";
import { parseTime } from "./time.ts";

/** What the routes work with. */
export interface AuditRouteParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
}

/** Serves `GET /`, newest first, and `GET /verify`. */
export function auditRoutes(parts: AuditRouteParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: (c) => list(c, parts) });
  mountMethods(app, "/verify", { GET: (c) => verify(c, parts) });
  return app;
}

async function list(c: AppContext, { sql, ring }: AuditRouteParts): Promise<Response> {
  const principal = c.get("principal");
  const visible = visibility(principal, "audit:read");
  if (visible.length === 0) throw denied();
  const text = (name: string) => queryOnce(c, name);
  const time = (name: string) => {
    const given = text(name);
    return given === undefined ? undefined : parseTime(given, name);
  };
  const limit = parseLimit(text("limit") ?? "100");
  const cursor = text("cursor");
  const given = {
    action: text("action"),
    principal: text("principal"),
    namespace: text("namespace"),
    name: text("name"),
    outcome: oneOf("outcome", text("outcome"), ["done", "denied"]),
    executionId: text("execution_id"),
    since: time("since"),
    until: time("until"),
    after: cursor === undefined ? undefined : parsePosition(cursor),
  };
  const query = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const records = await listRecords(sql, { ...query, visible, limit: limit + 1 });
  const shown = records.slice(0, limit);
  const last = shown.at(-1);
  const next = records.length > limit && last !== undefined ? formatPosition(last) : null;
  return c.json({ records: shown.map((record) => recordJson(ring, record)), next_cursor: next });
}

async function verify(c: AppContext, parts: AuditRouteParts): Promise<Response> {
  if (!can(c.get("principal"), "keys:admin", { namespace: null })) throw denied();
  const problems: string[] = [];
  let checked = 0;
  for await (const finding of auditPart(parts).walk()) {
    if ("problem" in finding) problems.push(finding.problem);
    else if ("checked" in finding) checked += finding.checked;
  }
  const streams = await streamStarts(parts);
  return c.json({ checked, problems, streams });
}

function recordJson(ring: KeyRing, record: AuditRecord) {
  return {
    at: record.at,
    action: record.action,
    outcome: record.outcome,
    principal: record.principal,
    principal_kind: record.principalKind,
    address: record.address,
    request_id: record.requestId,
    execution_id: record.executionId,
    namespace: record.namespace,
    name: record.name,
    version: record.version,
    count: record.count,
    detail: record.detail === null ? null : parsed(record.detail),
    stream: record.stream,
    first_revision: record.firstRevision,
    last_revision: record.lastRevision,
    mac: record.mac.toHex(),
    // One that was altered is shown, and said to be.
    intact: isIntact(ring, record),
  };
}

/** What was altered need not be JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function formatPosition({ at, firstRevision, stream }: AuditRecord): string {
  const bytes = new TextEncoder().encode(JSON.stringify([at, firstRevision, stream ?? ""]));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function parsePosition(text: string): AuditPosition {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    const [at, revision, stream] = JSON.parse(new TextDecoder().decode(bytes)) as unknown[];
    const sound = typeof at === "string" && Number.isSafeInteger(revision) &&
      typeof stream === "string";
    if (!sound) throw new TypeError();
    return { at: parseTime(at, "cursor"), revision: revision as number, stream };
  } catch {
    throw new AppError("INVALID_INPUT", "cursor must come from the page before");
  }
}

function denied(): AppError {
  return new AppError("ACCESS_DENIED", "Insufficient permissions: audit:read is not granted");
}
