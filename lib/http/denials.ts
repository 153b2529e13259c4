/**
 * Denied attempts, for the audit: who was turned away, from where, at what.
 *
 * Somebody who tries again and again would fill the database. So the first attempt is recorded at
 * once, and for a minute from then on those alike are only counted; one record stands for them.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { AuditEntry, AuditSink } from "../audit/entry.ts";
import { AppError, type ErrorCode } from "../errors.ts";
import { originOf } from "./auth.ts";
import type { AppContext, CallContext } from "./env.ts";
import { knownMethod } from "./methods.ts";
import { routeOf } from "./route.ts";

/** Who is told of errors before they become responses. */
export interface ErrorWitness {
  note(c: CallContext, error: AppError): void;
}

const DENIED: ReadonlySet<ErrorCode> = new Set([
  "ACCESS_DENIED",
  "AUTHENTICATION_REQUIRED",
  "RATE_LIMITED",
]);
const WINDOW_MS = 60_000;
/** Windows at once; what finds no room is counted together with whoever else doesn't. */
const MAX_WINDOWS = 1_000;
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;

interface Window {
  readonly entry: AuditEntry;
  readonly since: number;
  more: number;
}

/** Records denied attempts. */
export class Denials implements ErrorWitness {
  readonly #sink: AuditSink;
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sink: AuditSink, now: () => number = Date.now) {
    this.#sink = sink;
    this.#now = now;
  }

  /** Looks at an error; most are about something else. */
  note(c: CallContext, error: AppError): void {
    // What is hidden from somebody is told by its cause.
    const denial = error.cause instanceof AppError ? error.cause : error;
    if (!DENIED.has(denial.code)) return;
    const now = this.#now();
    this.#sweep(now);
    const entry = entryOf(c, denial.code);
    const { actor } = entry;
    const method = knownMethod(c.req.raw.method);
    let key = [actor.id ?? actor.address, denial.code, method, deniedRoute(c)].join(" ");
    if (!this.#windows.has(key) && this.#windows.size >= MAX_WINDOWS) key = "others";
    const window = this.#windows.get(key);
    if (window !== undefined) {
      window.more++;
      return;
    }
    this.#windows.set(key, { entry, since: now, more: 0 });
    this.#sink.note({ ...entry, at: new Date(now) });
    this.#timer ??= setTimeout(() => this.#turn(), WINDOW_MS);
  }

  /** Records what was only counted until now. */
  close(): void {
    clearTimeout(this.#timer);
    this.#sweep(Infinity);
  }

  /** Nobody may be turned away for long, and what was counted is due all the same. */
  #turn(): void {
    this.#sweep(this.#now());
    this.#timer = this.#windows.size === 0 ? undefined : setTimeout(() => this.#turn(), WINDOW_MS);
  }

  #sweep(now: number): void {
    for (const [key, { entry, since, more }] of this.#windows) {
      // The map is in the order in which windows were opened.
      if (now - since < WINDOW_MS) return;
      this.#windows.delete(key);
      if (more > 0) this.#sink.note({ ...entry, at: new Date(since + WINDOW_MS), count: more });
    }
  }
}

/** The route of the calls that pass no router. */
const CALL_ROUTE = "/api/v1/functions/:name/invoke";

/** The route, not the path: what a client puts into a path may be anything. */
function deniedRoute(c: CallContext): string {
  return isRouted(c) ? routeOf(c) : CALL_ROUTE;
}

function isRouted(c: CallContext): c is AppContext {
  return "finalized" in c;
}

function entryOf(c: CallContext, code: ErrorCode): AuditEntry {
  const principal = c.get("principal");
  const origin = originOf(c);
  const actor = principal === undefined
    ? { id: null, kind: "anonymous" as const, ...origin }
    : { ...actorOf(principal), ...origin };
  return {
    action: "access.denied",
    outcome: "denied",
    actor,
    namespace: nameOf(c.req.query("namespace")),
    name: nameOf(c.req.param("name")),
    detail: { code, method: knownMethod(c.req.raw.method), route: deniedRoute(c) },
  };
}

/** What a client puts into a path may be anything; only what could be a name is kept. */
function nameOf(text: string | undefined): string | null {
  return text !== undefined && NAME.test(text) ? text : null;
}
