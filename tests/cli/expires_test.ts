import { assertEquals, assertThrows } from "@std/assert";
import { parseExpires } from "../../lib/cli/expires.ts";
import { CliError } from "../../lib/cli/failure.ts";

const NOW = "2026-03-15T10:30:00Z";

const UNDERSTOOD: readonly (readonly [text: string, want: string | null, now?: string])[] = [
  ["45s", "2026-03-15T10:30:45Z"],
  ["90m", "2026-03-15T12:00:00Z"],
  ["12h", "2026-03-15T22:30:00Z"],
  ["30d", "2026-04-14T10:30:00Z"],
  ["2w", "2026-03-29T10:30:00Z"],
  ["6mo", "2026-09-15T10:30:00Z"],
  ["1y", "2027-03-15T10:30:00Z"],
  ["1y6mo", "2027-09-15T10:30:00Z"],
  ["30d12h", "2026-04-14T22:30:00Z"],
  ["1h30m", "2026-03-15T12:00:00Z"],
  ["1y2mo3w4d5h6m7s", "2027-06-09T15:36:07Z"],
  ["0d1h", "2026-03-15T11:30:00Z"],
  ["1mo", "2026-02-28T00:00:00Z", "2026-01-31T00:00:00Z"],
  ["1y", "2029-02-28T00:00:00Z", "2028-02-29T00:00:00Z"],
  ["1s", "2026-03-15T10:30:01.25Z", "2026-03-15T10:30:00.25Z"],
  ["2027-01-31", "2027-01-31T00:00:00Z"],
  ["2028-02-29", "2028-02-29T00:00:00Z"],
  ["2027-01-31T09:00:00Z", "2027-01-31T09:00:00Z"],
  ["2027-01-31T09:00Z", "2027-01-31T09:00:00Z"],
  ["2027-01-31 09:00:00Z", "2027-01-31T09:00:00Z"],
  ["2027-01-31T09:00:00+02:00", "2027-01-31T07:00:00Z"],
  ["2027-01-31T09:00:00.5-01:30", "2027-01-31T10:30:00.500Z"],
  ["never", null],
];

for (const [text, want, now = NOW] of UNDERSTOOD) {
  Deno.test(`parseExpires() reads ${text} at ${now}`, () => {
    const got = parseExpires(text, Temporal.Instant.from(now));
    const same = got === null || want === null ? got : Temporal.Instant.from(got).toString();
    assertEquals(same, want === null ? null : Temporal.Instant.from(want).toString());
  });
}

const REFUSED = [
  ...["", " ", "30", "1M", "30D", "-5d", "+5d", "1.5h", "1,5h", "500ms", "12h30d", "1d1d", "d"],
  ...[
    "30 d",
    " 30d",
    "30d ",
    "30d\n",
    "9999999d",
    "1e3d",
    "0x1d",
    "٣d",
    "Never",
    "tomorrow",
    "1mon",
  ],
  ...["2027-1-31", "2027-02-29", "2027-13-01", "2027-01-31T25:00:00Z", "2027-01-31T09:00:00"],
  ...[
    "2027-01-31T09:00:00+0200",
    "20270131",
    "31.01.2027",
    "2027-01-31T09:00:00Z[UTC]",
    "2027-W05",
  ],
] as const;

for (const text of REFUSED) {
  Deno.test(`parseExpires() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseExpires(text, Temporal.Instant.from(NOW)), CliError);
    assertEquals(error.exit, 2);
  });
}

for (const text of ["0s", "0d", "2020-01-01", "2026-03-15", "2026-03-15T10:30:00Z"]) {
  Deno.test(`parseExpires() refuses ${text}, which is not to come`, () => {
    const parse = () => parseExpires(text, Temporal.Instant.from(NOW));
    assertThrows(parse, CliError, "--expires is not in the future");
  });
}

for (const text of ["9000y", "999999y", "999999y999999mo"]) {
  Deno.test(`parseExpires() refuses ${text}, which is past the year 9999`, () => {
    const parse = () => parseExpires(text, Temporal.Instant.from(NOW));
    assertThrows(parse, CliError, "--expires is too far away");
  });
}
