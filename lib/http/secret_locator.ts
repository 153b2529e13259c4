/**
 * Which secret a request is about: by name and namespace, or by id.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseSecretName, type SecretRef } from "../resolve/ref.ts";
import type { SecretLocator, Vault } from "../vault/vault.ts";
import type { AppContext } from "./env.ts";
import { checkSameName, parsePlace, type PlaceBody } from "./secret_body.ts";

/** How the routes of one family name a secret. */
export interface Naming {
  /**
   * Checks what comes before the body and the version.
   *
   * @throws {AppError} INVALID_INPUT when the id is none.
   */
  precheck(c: AppContext): void;
  /**
   * The secret of a request.
   *
   * @throws {AppError} INVALID_INPUT when the name or id breaks the rule, or the body names another.
   */
  locate(c: AppContext, vault: Vault, body?: PlaceBody): Promise<SecretLocator> | SecretLocator;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `/:name?namespace=`; without a namespace the global scope, never both. */
export const byName: Naming = {
  precheck() {
    // A name comes after the body and the version.
  },
  locate(c, _vault, body = {}): SecretRef {
    const name = parseSecretName(c.req.param("name") ?? "");
    checkSameName(body, name);
    return { namespace: parsePlace(body, queryOnce(c, "namespace")), name };
  },
};

/** `/:id`; a body that names a place must name the place of that secret. */
export const byId: Naming = {
  precheck(c) {
    idOf(c);
  },
  async locate(c, vault, body = {}): Promise<SecretLocator> {
    const locator = { id: idOf(c) };
    if (body.name || body.scope || body.namespace) {
      const { name, namespace } = await vault.find(c.get("principal"), locator);
      checkSameName(body, name);
      if (parsePlace(body, namespace ?? undefined) !== namespace) {
        throw new AppError("INVALID_INPUT", "URL and body name different namespaces");
      }
    }
    return locator;
  },
};

function idOf(c: AppContext): string {
  const id = c.req.param("id") ?? "";
  if (!UUID.test(id)) throw new AppError("INVALID_INPUT", "Invalid secret ID");
  return id.toLowerCase();
}

/**
 * A query parameter that must not come twice, since then it would be unclear which one counts, and
 * must hold no NUL, which no column can.
 *
 * @throws {AppError} INVALID_INPUT when it does.
 */
export function queryOnce(c: AppContext, name: string): string | undefined {
  const values = c.req.queries(name) ?? [];
  if (values.length > 1) throw new AppError("INVALID_INPUT", `${name} must not come twice`);
  if (values[0]?.includes("\0")) throw new AppError("INVALID_INPUT", `${name} must not hold a NUL`);
  return values[0];
}
