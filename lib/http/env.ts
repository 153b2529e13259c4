/**
 * What the parts of the HTTP app share by request.
 *
 * @module
 */
import type { Context } from "hono";
import type { Principal } from "../principal/principal.ts";

/** The environment of every app here. */
export interface AppEnv {
  /** From where the request comes, as the server gives it to the app's `fetch`. */
  Bindings: { readonly address?: string | null };
  Variables: {
    /** Who asks; set by `requireKey`. */
    principal: Principal;
    /** Set by `requestIdOf`. */
    requestId: string | undefined;
  };
}

/** What calling a function needs of a context: Hono's has it, and so has one made without a router. */
export interface CallContext {
  readonly env: AppEnv["Bindings"];
  readonly req: {
    readonly raw: Request;
    param(name: "name"): string | undefined;
    query(name: string): string | undefined;
  };
  get(key: "requestId"): string | undefined;
  set(key: "requestId", value: string): void;
}

/** A request under way. */
export type AppContext = Context<AppEnv>;
