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

/** A request under way. */
export type AppContext = Context<AppEnv>;
