/**
 * Bodies of writes of secrets: the fields, their rules, and the place that they name.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../errors.ts";
import { type Namespace, parseNamespace, parseSecretName, type SecretRef } from "../resolve/ref.ts";
import { parseDescription, parseSecretValue } from "../resolve/value.ts";
import type { NewSecret, SecretPatch } from "../vault/vault.ts";
import { parseTime } from "./time.ts";

const text = z.string({ error: "must be a string" }).nullish();

/** What a body may hold of the place; empty and null count as left out. */
const placeFields = { name: text, scope: text, namespace: text };

/** The body of a create or an update; what it doesn't know, it drops. */
export const secretBody = z.object({
  ...placeFields,
  value: text,
  description: text,
  expires_at: text,
});

/** The body of a rollback in the form that carries the version. */
export const rollbackBody = z.object({ ...placeFields, version: z.unknown().optional() });

/** A checked {@linkcode secretBody}. */
export type SecretBody = z.infer<typeof secretBody>;

/** The place that a body names. */
export type PlaceBody = Pick<SecretBody, "name" | "scope" | "namespace">;

/**
 * Reads a new secret, checking in the order name, value, scope, namespace.
 *
 * @param urlNamespace The namespace in the URL, if there is one.
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseNewSecret(
  body: SecretBody,
  urlNamespace: string | undefined,
): { ref: SecretRef; secret: NewSecret } {
  if (!body.name) throw invalid("Name is required");
  const name = parseSecretName(body.name);
  if (!body.value) throw invalid("Value is required");
  const value = parseSecretValue(body.value);
  const namespace = parsePlace(body, urlNamespace);
  const { description, expiresAt } = parseRest(body);
  return {
    ref: { namespace, name },
    secret: {
      value,
      ...(description !== undefined && { description }),
      ...(expiresAt !== undefined && { expiresAt }),
    },
  };
}

/**
 * Reads a change of a secret. A null value or description counts as left out; a null expiry clears.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseSecretPatch(body: SecretBody): SecretPatch {
  const value = body.value ?? undefined;
  return {
    ...(value !== undefined && { value: parseSecretValue(value) }),
    ...parseRest(body),
  };
}

/**
 * The namespace that URL and body name together; `null` is the global scope. A write never goes to
 * another place than the one named, so a contradiction is an error.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parsePlace(body: PlaceBody, urlNamespace: string | undefined): Namespace | null {
  const { scope } = body;
  if (scope && scope !== "global" && scope !== "namespace") {
    throw invalid("Scope must be 'global' or 'namespace'");
  }
  const inUrl = urlNamespace || undefined;
  const inBody = body.namespace || undefined;
  if (inUrl !== undefined && inBody !== undefined && inUrl !== inBody) {
    throw invalid("URL and body name different namespaces");
  }
  const namespace = inUrl ?? inBody;
  if (scope === "namespace" && namespace === undefined) {
    throw invalid("Namespace is required when scope is 'namespace'");
  }
  if (scope === "global" && namespace !== undefined) {
    throw invalid("Namespace must be empty when scope is 'global'");
  }
  return namespace === undefined ? null : parseNamespace(namespace);
}

/**
 * Refuses a body that names another secret than the URL does.
 *
 * @throws {AppError} INVALID_INPUT when they differ.
 */
export function checkSameName(body: PlaceBody, name: string): void {
  if (!body.name || parseSecretName(body.name) === name) return;
  throw invalid("URL and body name different secrets");
}

function parseRest({ description, expires_at }: SecretBody): Omit<SecretPatch, "value"> {
  return {
    ...(typeof description === "string" && { description: parseDescription(description) }),
    ...(expires_at !== undefined && {
      expiresAt: expires_at === null ? null : parseTime(expires_at, "expires_at"),
    }),
  };
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
