import { assertEquals } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { parseSecretName } from "../../lib/resolve/ref.ts";
import { warningsOf } from "../../lib/vault/warnings.ts";

const NOW = new Date("2027-01-01T00:00:00Z");
const PAST = new Date("2026-12-31T00:00:00Z");
const LATER = new Date("2027-12-31T00:00:00Z");
const SHORT = "Values under 6 characters cannot be masked in logs";
const ENDS = "The value begins or ends with a space or a line break, which is kept";
const EXPIRED =
  "It expired at 2026-12-31T00:00:00.000Z and is served to nothing until it gets another expiry";
const SHADOWED = "The server's environment has FLUXBASE_SECRET_KEY, which is served instead";

const CASES: [
  name: string,
  secret: { value?: string; expiresAt?: Date; deletedAt?: Date; taken?: boolean },
  want: string[],
][] = [
  ["nothing of an ordinary value", { value: "sk-1234567", expiresAt: LATER }, []],
  ["nothing of a change without a value", {}, []],
  ["a value too short to be masked", { value: "12345" }, [SHORT]],
  ["a pasted line's end", { value: "sk-1234567\n" }, [ENDS]],
  ["a space before the value", { value: " sk-1234567" }, [ENDS]],
  ["both of a short value with a line's end", { value: "12345\r\n" }, [SHORT, ENDS]],
  ["nothing of the end of several lines", { value: "-----BEGIN X-----\nabc\n" }, []],
  ["an expiry that has passed", { value: "sk-1234567", expiresAt: PAST }, [EXPIRED]],
  ["an expiry that has passed, also of a change without a value", { expiresAt: PAST }, [EXPIRED]],
  ["a name that the environment has", { value: "sk-1234567", taken: true }, [SHADOWED]],
  ["nothing of a deleted secret", { expiresAt: PAST, deletedAt: NOW, taken: true }, []],
];

Deno.test("warningsOf() tells why a value is not served, or not as one would think", async (t) => {
  for (const [name, { value, expiresAt, deletedAt, taken }, want] of CASES) {
    await t.step(name, () => {
      const secret = parseSecretName("key");
      const row = { name: secret, expiresAt: expiresAt ?? null, deletedAt: deletedAt ?? null };
      const plaintext = value === undefined ? undefined : Plaintext.fromText(value);
      const environment = new Set(taken === true ? [secret] : []);
      assertEquals(warningsOf(row, plaintext, { now: NOW, environment }), want);
    });
  }
});
