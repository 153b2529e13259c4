/**
 * `settings secrets set`: creates a settings secret, or replaces its value.
 *
 * @module
 */
import { printData } from "./output.ts";
import { type SettingInfo, settingPlace } from "./setting_place.ts";
import type { Context } from "./table.ts";
import { upsert } from "./upsert.ts";
import { readValue } from "./value.ts";
import { withoutWarnings, type Written } from "./warnings.ts";

type Answer = Written<SettingInfo>;

/** Reads the value, writes it and says so. A description that isn't given stays. */
export async function setSetting(context: Context): Promise<void> {
  const { key, base, path, label, headers } = settingPlace(context);
  const description = context.flags.text("description");
  // The key is looked for first: nobody should type a value only to hear that there is none.
  const client = await context.connect();
  const value = await readValue(context);
  const json = { value, ...(description === undefined ? {} : { description }) };
  const { verb, answer } = await upsert({
    update: () => client.json<Answer>("PUT", path, { json, headers }),
    create: () => client.json<Answer>("POST", base, { json: { key, ...json }, headers }),
  });
  const setting = withoutWarnings(context, answer);
  if (context.settings.format !== "table") return await printData(context, setting);
  context.io.tell(`Secret ${label} ${verb} successfully.`);
}
