import { assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { Catalogue } from "../../lib/deploy/catalogue.ts";
import { SecretReaders } from "../../lib/deploy/secret_readers.ts";
import { AppError } from "../../lib/errors.ts";
import { CodeSource } from "../../lib/runtime/code/code_source.ts";
import { admin, ref, testOverDatabases, type World } from "../support/world.ts";
import { Replica, saying } from "./fixture.ts";

const test = testOverDatabases();

/** The working directories: settings of each, and what has none. */
const FILES = {
  "functions/deno.json": JSON.stringify({
    fluxbase: {
      functions: {
        mail: { secrets: ["API_*"] },
        none: { secrets: [] },
        "@staging/pay": { secrets: ["X", "api_key"] },
      },
    },
  }),
  "functions/hello.ts": saying("hello"),
  "functions/mail.ts": saying("a file that something deployed takes the place of"),
  "functions/none.ts": saying("none"),
  "functions/broken/index.ts": saying("broken"),
  "functions/broken/deno.json": '{"fluxbase": {"secrets": "API_KEY"}}',
  "functions/@production/pay.ts": saying("pay"),
  "functions/@staging/pay.ts": saying("pay"),
  "jobs/deno.json": '{"fluxbase": {"jobs": {"@staging/night": {"secrets": ["OTHER"]}}}}',
  "jobs/report.ts": saying("report"),
  "jobs/@staging/night.ts": saying("night"),
};

const DEPLOYED = {
  "deno.json": '{"fluxbase": {"functions": {"mail": {"secrets": ["OTHER", "ENV_*"]}}}}',
  "mail.ts": saying("deployed"),
};

const HELLO = "function hello: directory, no list";
const REPORT = "job report: directory, no list";
const PAY = "function @production/pay: directory, no list";

/** Who may read which secret; all else is equal for each. */
const CASES = [
  {
    name: "a global secret: not where the namespace has one, though that has expired",
    of: ref("API_KEY"),
    code: [HELLO, "function @staging/pay: directory, API_KEY", REPORT],
    withheld: null,
  },
  {
    name: "a namespace's secret: code of that namespace alone, and nobody once it has expired",
    of: ref("API_KEY", "production"),
    code: [PAY],
    withheld: "expired",
  },
  {
    name: "what is deployed counts, and not the file below it",
    of: ref("OTHER"),
    code: [
      HELLO,
      "function mail: deployed 1, OTHER",
      PAY,
      REPORT,
      "job @staging/night: directory, OTHER",
    ],
    withheld: null,
  },
  {
    name: "a name that the server's environment has a value for",
    of: ref("ENV_KEY"),
    code: [HELLO, "function mail: deployed 1, ENV_*", PAY, REPORT],
    withheld: "environment",
  },
  {
    name: "a secret that there is none of, in a namespace",
    of: ref("MISSING", "production"),
    code: [PAY],
    withheld: "absent",
  },
  {
    name: "a secret that was deleted",
    of: ref("GONE"),
    code: [HELLO, PAY, REPORT],
    withheld: "absent",
  },
  {
    name: "a place without code",
    of: ref("LONELY", "empty"),
    code: [],
    withheld: null,
  },
] as const;

async function fill({ vault }: World): Promise<void> {
  const value = Plaintext.fromText("value");
  for (
    const at of [ref("API_KEY"), ref("OTHER"), ref("ENV_KEY"), ref("GONE"), ref("LONELY", "empty")]
  ) await vault.create(admin, at, { value });
  const expiresAt = new Date("2020-01-01T00:00:00Z");
  await vault.create(admin, ref("API_KEY", "production"), { value, expiresAt });
  await vault.delete(admin, ref("GONE"));
}

async function withReaders(
  world: World,
  work: (readers: SecretReaders, lookAgain: () => void) => Promise<void>,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  opened.defer(() => Deno.remove(directory, { recursive: true }));
  for (const [path, text] of Object.entries(FILES)) {
    const file = `${directory}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
  const code = [];
  const replicas: Replica[] = [];
  for (const kind of ["function", "job"] as const) {
    const replica = opened.use(await Replica.open(world, { kind }));
    const source = new CodeSource({
      noun: kind === "function" ? "Function" : "Job",
      root: `${directory}/${kind}s`,
      cacheDir: `${directory}/cache`,
      deno: Deno.execPath(),
      env: {},
    });
    opened.defer(() => source.close());
    replicas.push(replica);
    if (kind === "function") await replica.deploy(DEPLOYED);
    code.push({
      kind,
      catalogue: new Catalogue({ deployed: replica.parts.code, directory: source }),
    });
  }
  const { database: { sql }, ring } = world;
  const environment = new Map([[ref("ENV_KEY").name, true]]);
  const lookAgain = () => replicas.forEach(({ parts }) => parts.code.invalidate());
  await work(new SecretReaders({ sql, ring, environment, code }), lookAgain);
}

test(
  "SecretReaders.of() tells who may read a secret, and what lets them",
  async (world, _kind, t) => {
    await fill(world);
    await withReaders(world, async (readers, lookAgain) => {
      for (const { name, of, code, withheld } of CASES) {
        await t.step(name, async () => {
          const found = await readers.of(of);
          const told = found.code.map(({ kind, name, namespace, source, version, by }) =>
            `${kind} ${namespace === null ? "" : `@${namespace}/`}${name}: ${source}` +
            `${version === null ? "" : ` ${version}`}, ${by ?? "no list"}`
          );
          assertEquals([told, found.withheld], [[...code], withheld]);
          const broken = {
            kind: "function" as const,
            name: "broken",
            namespace: null,
            reason: "broken/deno.json: fluxbase.secrets must be a list of at most 200",
          };
          assertEquals(found.unclear, of.namespace === null ? [broken] : []);
        });
      }
      await t.step("a secret that is not as it was written is refused", async () => {
        const { sql } = world.database;
        await sql`update functions.secrets set expires_at = null where namespace = 'production'`;
        const error = await assertRejects(() => readers.of(ref("API_KEY")), AppError);
        assertEquals(error.code, "INTEGRITY_VIOLATION");
      });
      await t.step("a deployment that is not as it was written is told of", async () => {
        const { sql } = world.database;
        await sql`update functions.deployments set created_by = 'somebody'`;
        await sql`update functions.code_heads set revision = revision + 1`;
        lookAgain();
        const { unclear } = await readers.of(ref("OTHER"));
        assertEquals(unclear.map(({ name, reason }) => [name, /not as it was/.test(reason)]), [
          ["broken", false],
          ["mail", true],
        ]);
      });
    });
  },
);
