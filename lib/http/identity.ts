/**
 * Who am I, and the exchange of another issuer's token for a key.
 *
 * @module
 */
import { Hono } from "hono";
import type { IssuedServiceKey } from "../auth/service_keys.ts";
import { AppError } from "../errors.ts";
import { formatGrant } from "../principal/grant_text.ts";
import type { Origin, Principal } from "../principal/principal.ts";
import { type Caller, callerOf, originOf } from "./auth.ts";
import { readJson } from "./body.ts";
import type { AppEnv } from "./env.ts";
import { exchangeBody } from "./key_body.ts";
import { mountMethods } from "./methods.ts";

/** Serves `GET /` with what the server knows of the one who asks. */
export function whoamiRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: (c) => c.json(principalJson(c.get("principal"))) });
  return app;
}

/** What the exchange works with. */
export interface ExchangeParts {
  /** Runs an attempt within the limits. */
  attempt<T>(caller: Caller, check: () => Promise<T>): Promise<T>;
  /** Trades a token; `null` when no other issuer is trusted. */
  readonly exchange: ((token: string, origin: Origin) => Promise<IssuedServiceKey>) | null;
}

/** Serves `POST /` without a key: the body holds the platform's token. */
export function exchangeRoutes({ attempt, exchange }: ExchangeParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", {
    POST: async (c) => {
      if (exchange === null) throw new AppError("NOT_FOUND", "Not found");
      // The limits come before the body is read.
      const { key, text } = await attempt(callerOf(c), async () => {
        const { token } = await readJson(c, exchangeBody);
        if (!token) throw new AppError("INVALID_INPUT", "token is required");
        return await exchange(token, originOf(c));
      });
      return c.json({ token: text, token_type: "Bearer", id: key.id, expires_at: key.expiresAt });
    },
  });
  return app;
}

function principalJson({ id, kind, userId, grants, expiresAt }: Principal) {
  return {
    id,
    kind,
    ...(userId !== undefined && { user_id: userId }),
    grants,
    grants_text: grants.map(formatGrant),
    expires_at: expiresAt ?? null,
  };
}
