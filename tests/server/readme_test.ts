import { assertEquals } from "@std/assert";
import { SETTINGS } from "../../lib/server/settings_table.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

Deno.test("the README's table has every setting with its default, and no other", () => {
  const rows = [...README.matchAll(/^\| `(\w+)`\s*\| (?:`([^`]*)`)?\s*\| (.*?)\s*\|$/gm)];
  const told = rows.map(([, name, fallback = "", meaning]) => ({ name, fallback, meaning }));
  const settings = SETTINGS.map(({ name, fallback, meaning }) => ({ name, fallback, meaning }));
  const listed = told.filter(({ name }) => /^(FLUXBASE|DATABASE)_/.test(name!));
  assertEquals(listed, settings);
});
