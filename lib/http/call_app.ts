/**
 * The way to functions, before every other: calls are what a server spends its life on, so they go
 * past the router.
 *
 * @module
 */
import type { Hono } from "hono";
import { AppError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Principal } from "../principal/principal.ts";
import type { ErrorWitness } from "./denials.ts";
import type { AppEnv, CallContext } from "./env.ts";
import { isHost } from "./host.ts";
import { invoke, type InvokeParts } from "./invoke.ts";
import { errorHandler } from "./problem.ts";

/** A call of a function by its plain name; whatever else a path may be is the router's matter. */
const CALL = /^https?:\/\/[^/]+\/api\/v1\/functions\/([\w-]+)\/invoke(\?|$)/;

/** What serves a request. */
export type Fetch = (
  request: Request,
  bindings: AppEnv["Bindings"],
) => Response | Promise<Response>;

/**
 * Puts the calls before the app. They are the same routes as in it, with the same errors. A request
 * whose Host is none is refused before its URL is looked at.
 *
 * @param app Serves everything else.
 */
export function withCallsFirst(
  app: Hono<AppEnv>,
  parts: InvokeParts & { readonly log: Log; readonly witness?: ErrorWitness },
): Fetch {
  const onError = errorHandler(parts.log, parts.witness);
  return function fetch(request, bindings) {
    if (!isHost(request.headers.get("host"))) {
      return onError(falseHost(), new Call(request, bindings, ""));
    }
    const call = CALL.exec(request.url);
    // A response to HEAD has no body, which the app sees to.
    if (call === null || request.method === "HEAD") return app.fetch(request, bindings);
    const context = new Call(request, bindings, call[1]!);
    return invoke(context, parts).catch((error) => onError(error, context));
  };
}

function falseHost(): AppError {
  return new AppError("INVALID_INPUT", "Host must be a name or an address, with or without a port");
}

/** The context of a call. */
class Call implements CallContext {
  readonly env: AppEnv["Bindings"];
  readonly raw: Request;
  readonly #name: string;
  #requestId: string | undefined;
  #principal: Principal | undefined;

  constructor(raw: Request, env: AppEnv["Bindings"], name: string) {
    this.raw = raw;
    this.env = env;
    this.#name = name;
  }

  get req(): CallContext["req"] {
    return this;
  }

  param(): string {
    return this.#name;
  }

  query(key: string): string | undefined {
    return new URL(this.raw.url).searchParams.get(key) ?? undefined;
  }

  get(key: "requestId"): string | undefined;
  get(key: "principal"): Principal | undefined;
  get(key: "requestId" | "principal"): string | Principal | undefined {
    return key === "requestId" ? this.#requestId : this.#principal;
  }

  set(key: "requestId" | "principal", value: string | Principal): void {
    if (key === "requestId") this.#requestId = value as string;
    else this.#principal = value as Principal;
  }
}
