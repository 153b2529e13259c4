/**
 * `secrets set`: creates a secret, or gives it a new version.
 *
 * @module
 */
import { scopeOf, type SecretRef } from "../resolve/ref.ts";
import type { Client } from "./client.ts";
import { CliError } from "./failure.ts";
import { parseExpires } from "./expires.ts";
import { formatTime, printData } from "./output.ts";
import { parseVersion, type SecretInfo, secretPath, secretRef } from "./place.ts";
import type { Context } from "./table.ts";
import { upsert, type Upserted } from "./upsert.ts";
import { readValue } from "./value.ts";
import { withoutWarnings, type Written } from "./warnings.ts";

/** What is written. A field left out stays as it is. */
interface Change {
  readonly value: string;
  readonly description?: string;
  /** `null` clears the expiry. */
  readonly expires_at?: string | null;
}

/** Reads the value, writes it and says what it is called inside a function. */
export async function setSecret(context: Context): Promise<void> {
  const ref = secretRef(context);
  const ifMatch = context.flags.text("if-match");
  const version = ifMatch === undefined ? null : parseVersion(ifMatch, "--if-match");
  const fields = optionalFields(context);
  // The key is looked for first: nobody should type a value only to hear that there is none.
  const client = await context.connect();
  const change = { value: await readValue(context), ...fields };
  const outcome = await upsert({
    update: () => update(client, ref, change, version),
    create: () => create(client, ref, change),
    missing: version === null ? undefined : () => missing(ref),
  });
  await report(context, ref, outcome);
}

function optionalFields(context: Context): Omit<Change, "value"> {
  const description = context.flags.text("description");
  const expires = context.flags.text("expires");
  return {
    ...(description === undefined ? {} : { description }),
    ...(expires === undefined ? {} : { expires_at: parseExpires(expires, Temporal.Now.instant()) }),
  };
}

function update(
  client: Client,
  ref: SecretRef,
  json: Change,
  version: number | null,
): Promise<Written<SecretInfo>> {
  return client.json<Written<SecretInfo>>("PUT", secretPath(ref), {
    query: { namespace: ref.namespace },
    json,
    headers: version === null ? {} : { "if-match": `"${version}"` },
  });
}

function create(client: Client, ref: SecretRef, change: Change): Promise<Written<SecretInfo>> {
  const place = {
    name: ref.name,
    scope: scopeOf(ref),
    ...(ref.namespace === null ? {} : { namespace: ref.namespace }),
  };
  return client.json<Written<SecretInfo>>("POST", "/api/v1/secrets", {
    json: { ...place, ...change },
  });
}

function missing(ref: SecretRef): CliError {
  return new CliError(5, `Secret '${ref.name}' does not exist, so no version of it matches`);
}

function where({ namespace }: SecretRef): string {
  return namespace === null ? "" : ` of the namespace '${namespace}'`;
}

function isServed({ expires_at }: Pick<SecretInfo, "expires_at">): boolean {
  return expires_at === undefined || Date.parse(expires_at) > Date.now();
}

async function report(
  context: Context,
  ref: SecretRef,
  outcome: Upserted<Written<SecretInfo>>,
): Promise<void> {
  const secret = withoutWarnings(context, outcome.answer);
  if (context.settings.format !== "table") return await printData(context, secret);
  context.io.tell(`Secret '${ref.name}' ${outcome.verb}.`);
  if (isServed(secret)) {
    context.io.tell(
      `The secret will be available as FLUXBASE_SECRET_${ref.name} in edge functions${where(ref)}.`,
    );
  }
  if (context.flags.text("expires") !== undefined && secret.expires_at !== undefined) {
    context.io.tell(`It expires at ${formatTime(secret.expires_at)}.`);
  }
}
