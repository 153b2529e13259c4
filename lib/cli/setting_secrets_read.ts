/**
 * `settings secrets list` and `get`.
 *
 * @module
 */
import { printable } from "./layout.ts";
import { print, printData } from "./output.ts";
import { settingFamily, type SettingInfo, settingPlace } from "./setting_place.ts";
import type { Context } from "./table.ts";

/** On a terminal a longer description is cut to this many characters, as upstream cuts it. */
const WIDEST = 40;

/** Lists settings. */
export async function listSettings(context: Context): Promise<void> {
  const { scope, list, headers } = settingFamily(context.flags);
  const client = await context.connect();
  const found = await client.json<SettingInfo[]>("GET", list, { headers });
  await print(context, found, {
    columns: ["KEY", "SCOPE", "DESCRIPTION", "UPDATED"],
    rows: found.map((each) => [
      each.key,
      scope,
      describe(context, each.description ?? ""),
      minuteOf(each.updated_at),
    ]),
    empty: `No ${scope} secrets found.`,
  });
}

/** Shows one setting's metadata. */
export async function getSetting(context: Context): Promise<void> {
  const { path, scope, headers } = settingPlace(context);
  const client = await context.connect();
  const found = await client.json<SettingInfo>("GET", path, { headers });
  if (context.settings.format !== "table") return await printData(context, found);
  const lines = [
    ["Key:", found.key],
    ["Scope:", scope],
    ...(found.description === undefined ? [] : [["Description:", found.description]]),
    ["Created:", minuteOf(found.created_at)],
    ["Updated:", minuteOf(found.updated_at)],
  ];
  for (const [name, value] of lines) context.io.out(`${name!.padEnd(13)}${printable(value!)}`);
  context.io.out("");
  context.io.out(
    "Note: Secret values are never returned. They can only be accessed server-side.",
  );
}

function describe({ io }: Context, text: string): string {
  const characters = [...text];
  if (!io.outIsTerminal || characters.length <= WIDEST) return text;
  return `${characters.slice(0, WIDEST - 3).join("")}...`;
}

/** A time on the wire to the minute, in UTC. */
function minuteOf(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}
