/**
 * What the parts of the HTTP app share by request.
 *
 * @module
 */
import type { Context } from "hono";
import type { Principal } from "../principal/principal.ts";

/** What a request was about. */
export interface Subject {
  readonly id: string;
  readonly name: string;
  readonly namespace: string | null;
}

/** The environment of every app here. */
export interface AppEnv {
  /** From where the request comes, as the server gives it to the app's `fetch`. */
  Bindings: { readonly address?: string | null };
  Variables: {
    /** Who asks; set by `requireKey`. */
    principal: Principal;
    /** Set by `requestIdOf`. */
    requestId: string | undefined;
    /** What was done something with, for its record; set by handlers. */
    subject: Subject | undefined;
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
  get(key: "principal"): Principal | undefined;
  set(key: "requestId", value: string): void;
  set(key: "principal", value: Principal): void;
}

/** A request under way. */
export type AppContext = Context<AppEnv>;
