import { assertEquals } from "@std/assert";
import { formatTable } from "../../lib/cli/layout.ts";
import { terminal } from "../support/terminal.ts";
import { good, testCli } from "../support/cli_world.ts";

Deno.test("formatTable() cuts nothing and leaves no space at the end of a line", () => {
  const long = "X".repeat(300);
  assertEquals(formatTable([[long, "-"], ["a", "b"]]), `${long}  -\na${" ".repeat(301)}b`);
});

Deno.test("formatTable() keeps a cell from steering the terminal", () => {
  assertEquals(formatTable([["a\x1b[31m\n\u202eb", "c"]]), "a[31mb  c");
});

Deno.test("formatTable() styles the heading only", () => {
  const style = (text: string) => `<${text}>`;
  assertEquals(formatTable([["a"]], { heading: ["NAME"], style }), "<NAME>\na");
});

const ROWS = [
  ["API_KEY", "global", "12", "the key for sending mail"],
  ["B", "namespace", "1", "-"],
];
const HEADING = ["NAME", "SCOPE", "VERSION", "ABOUT"];

for (
  const [columns, want] of [
    [53, [
      "NAME     SCOPE      VERSION  ABOUT",
      "API_KEY  global     12       the key for sending mail",
      "B        namespace  1        -",
    ]],
    [52, [
      "NAME     SCOPE      VERSION",
      "  ABOUT",
      "API_KEY  global     12",
      "  the key for sending mail",
      "B        namespace  1",
      "  -",
    ]],
    [20, [
      "NAME     SCOPE",
      "  VERSION",
      "  ABOUT",
      "API_KEY  global",
      "  12",
      "  the key for",
      "  sending mail",
      "B        namespace",
      "  1",
      "  -",
    ]],
    [5, [
      "NAME",
      "  SCOPE",
      "  VERSION",
      "  ABOUT",
      "API_KEY",
      "  global",
      "  12",
      "  the",
      "  key",
      "  for",
      "  sending",
      "  mail",
      "B",
      "  namespace",
      "  1",
      "  -",
    ]],
  ] as const
) {
  Deno.test(`formatTable() folds rows at ${columns} columns, all in the same places`, () => {
    assertEquals(formatTable(ROWS, { heading: HEADING, columns }), want.join("\n"));
  });
}

Deno.test("formatTable() leaves out seconds before it folds, and only where that is needed", () => {
  const row = ["A", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z (expired)"];
  assertEquals(formatTable([row], { columns: 55 }), row.join("  "));
  const short = "A  2026-01-02T03:04Z  2026-01-02T03:04Z (expired)";
  for (const columns of [54, 49]) assertEquals(formatTable([row], { columns }), short);
  assertEquals(
    formatTable([row], { columns: 48 }),
    "A  2026-01-02T03:04:05Z\n  2026-01-02T03:04:05Z (expired)",
  );
});

testCli("tables fit terminals of 80 and 60 columns, and are whole in a pipe", async (run, api) => {
  const env = { FLUXBASE_SERVER: api.server, FLUXBASE_TOKEN: api.adminKey, NO_COLOR: "1" };
  const name = "PAYMENT_PROVIDER_WEBHOOK_SECRET";
  await good(run, ["secrets", "set", name, "a-value-1", "--namespace", "production"]);
  await good(run, ["secrets", "set", name, "a-value-2", "--expires", "30d"]);
  for (const columns of [80, 60]) {
    for (const words of [["secrets", "list"], ["keys", "list"], ["audit", "list"]]) {
      const { screen } = await terminal(words, { env, columns });
      const lines = screen.trimEnd().split("\n");
      const wide = lines.filter((line) => line.length > columns);
      assertEquals(wide, [], `${words.join(" ")} at ${columns}`);
    }
    const { screen } = await terminal(["secrets", "list"], { env, columns });
    assertEquals(screen.match(new RegExp(`^${name} .*production`, "gm"))?.length, 1, screen);
  }
  const piped = (await good(run, ["secrets", "list"])).trimEnd().split("\n");
  assertEquals(piped.length, 3, piped.join("\n"));
});
