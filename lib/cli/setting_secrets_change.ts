/**
 * `settings secrets delete`.
 *
 * @module
 */
import { printData } from "./output.ts";
import { settingPlace } from "./setting_place.ts";
import type { Context } from "./table.ts";

/** Deletes a settings secret; asks nothing. */
export async function deleteSetting(context: Context): Promise<void> {
  const { path, label, headers } = settingPlace(context);
  const client = await context.connect();
  await client.json("DELETE", path, { headers });
  const message = `Secret ${label} deleted successfully.`;
  if (context.settings.format !== "table") return await printData(context, { message });
  context.io.tell(message);
}
