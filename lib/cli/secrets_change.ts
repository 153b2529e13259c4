/**
 * `secrets delete` and `rollback`.
 *
 * @module
 */
import { printable } from "./layout.ts";
import { printData } from "./output.ts";
import { parseVersion, type SecretInfo, secretPath, secretRef } from "./place.ts";
import type { Context } from "./table.ts";
import { withoutWarnings, type Written } from "./warnings.ts";

/** Deletes a secret; asks nothing. */
export async function deleteSecret(context: Context): Promise<void> {
  const ref = secretRef(context);
  const purge = context.flags.on("purge");
  const client = await context.connect();
  const answer = await client.json<{ warning?: string }>("DELETE", secretPath(ref), {
    query: { namespace: ref.namespace, purge: purge ? "true" : null },
  });
  if (answer.warning !== undefined) context.io.note(`Warning: ${printable(answer.warning)}`);
  if (context.settings.format !== "table") return await printData(context, answer);
  context.io.tell(`Secret '${ref.name}' ${purge ? "removed for good" : "deleted"}.`);
}

/** Makes an earlier version's value the newest version. */
export async function rollbackSecret(context: Context): Promise<void> {
  const ref = secretRef(context);
  const version = parseVersion(context.args.VERSION!, "VERSION");
  const client = await context.connect();
  const answer = await client.json<Written<SecretInfo>>(
    "POST",
    `${secretPath(ref)}/rollback/${version}`,
    { query: { namespace: ref.namespace } },
  );
  const now = withoutWarnings(context, answer);
  if (context.settings.format !== "table") return await printData(context, now);
  context.io.tell(`Secret '${ref.name}' rolled back to version ${version}.`);
  context.io.tell(`Its value is now version ${now.version}.`);
}
