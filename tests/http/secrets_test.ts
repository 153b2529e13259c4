import { assert, assertEquals, assertMatch } from "@std/assert";
import { type HttpWorld, openApp, send, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const NAMED = "/api/v1/admin/secrets";
const PLAIN = "/api/v1/secrets";

/** A call by name in one of the two families. */
interface Family {
  readonly name: string;
  readonly base: string;
  readonly one: (name: string) => string;
  readonly history: string;
  rollback(
    http: HttpWorld,
    name: string,
    version: unknown,
    query?: string,
  ): ReturnType<typeof send>;
}

const families: Family[] = [
  {
    name: "admin",
    base: NAMED,
    one: (name) => `${NAMED}/${name}`,
    history: "history",
    rollback: (http, name, version, query = "") =>
      send(http, "POST", `${NAMED}/${name}/rollback${query}`, { json: { version } }),
  },
  {
    name: "by-name",
    base: PLAIN,
    one: (name) => `${PLAIN}/by-name/${name}`,
    history: "versions",
    rollback: (http, name, version, query = "") =>
      send(http, "POST", `${PLAIN}/by-name/${name}/rollback/${version}${query}`, { json: {} }),
  },
];

type Answer = Awaited<ReturnType<typeof send>>;
type Fields = Record<string, unknown>;

function fields(answer: Answer): Fields {
  return answer.body as Fields;
}

function assertProblem(answer: Answer, status: number, error: string, code: string): void {
  assertEquals(
    [answer.status, fields(answer)["error"], fields(answer)["code"]],
    [status, error, code] as never,
  );
  assertEquals(Object.keys(fields(answer)), ["error", "code", "request_id"]);
  assertEquals(answer.headers.get("x-request-id"), fields(answer)["request_id"] as string);
}

test("the guide's endpoints do what they say, in both families", async (world, _kind, t) => {
  const http = await openApp(world);
  for (const family of families) {
    const name = `API_KEY_${family.name.length}`;
    await t.step(family.name, async () => {
      const created = await send(http, "POST", family.base, {
        json: {
          name,
          value: "sk-your-secret-key",
          scope: "global",
          namespace: "",
          description: "External API key",
          expires_at: "2995-12-31T00:00:00Z",
        },
      });
      assertEquals(created.status, 201);
      assertEquals(Object.keys(fields(created)), [
        "id",
        "name",
        "scope",
        "description",
        "version",
        "expires_at",
        "created_at",
        "updated_at",
      ]);
      assertEquals(fields(created)["expires_at"], "2995-12-31T00:00:00.000Z");
      const read = await send(http, "GET", family.one(name));
      assertEquals([read.status, read.headers.get("etag")], [200, '"1"'] as never);
      const { created_by, updated_by, ...rest } = fields(read);
      assertEquals([rest, typeof created_by, typeof updated_by], [
        fields(created),
        "string",
        "string",
      ]);
      const updated = await send(http, "PUT", family.one(name), { json: { value: "sk-second" } });
      assertEquals(
        [updated.status, fields(updated)["version"], updated.headers.get("etag")],
        [200, 2, '"2"'] as never,
      );
      const back = await family.rollback(http, name, 1);
      assertEquals([back.status, fields(back)["version"]], [200, 3]);
      const history = await send(http, "GET", `${family.one(name)}/${family.history}`);
      const entries = history.body as Fields[];
      assertEquals(entries.map(({ version }) => version), [3, 2, 1]);
      assertEquals(Object.keys(entries[0]!), [
        "id",
        "secret_id",
        "version",
        "created_at",
        "created_by",
      ]);
      const gone = await send(http, "DELETE", family.one(name));
      assertEquals([gone.status, gone.body], [200, { message: "Secret deleted successfully" }]);
      assertProblem(
        await send(http, "GET", family.one(name)),
        404,
        "Secret not found",
        "SECRET_NOT_FOUND",
      );
    });
  }
});

test(
  "a namespace in the URL or in the body leads to the same place and to no other",
  async (world, _kind, t) => {
    const http = await openApp(world);
    for (const { name, one, base, history, rollback } of families) {
      await t.step(name, async () => {
        const secret = `DB_${name.length}`;
        await send(http, "POST", base, { json: { name: secret, value: "global-1" } });
        const created = await send(http, "POST", base, {
          json: { name: secret, value: "prod-1", namespace: "production" },
        });
        assertEquals([created.status, fields(created)["scope"], fields(created)["namespace"]], [
          201,
          "namespace",
          "production",
        ]);
        const here = "?namespace=production";
        const put = await send(http, "PUT", one(secret) + here, { json: { value: "prod-2" } });
        assertEquals([fields(put)["namespace"], fields(put)["version"]], ["production", 2]);
        const inBody = await send(http, "PUT", one(secret), {
          json: {
            value: "prod-3",
            namespace: "production",
            scope: "namespace",
            name: secret.toLowerCase(),
          },
        });
        assertEquals([fields(inBody)["namespace"], fields(inBody)["version"]], ["production", 3]);
        assertEquals(fields(await send(http, "GET", one(secret)))["version"], 1);
        for (
          const json of [
            { value: "x", namespace: "staging" },
            { value: "x", scope: "global" },
            { value: "x", name: "OTHER" },
            { value: "x", scope: "system" },
          ]
        ) {
          assertEquals(
            (await send(http, "PUT", one(secret) + here, { json })).status,
            400,
            JSON.stringify(json),
          );
        }
        assertEquals((await rollback(http, secret, 1, here)).status, 200);
        assertEquals(
          (await send(http, "GET", `${one(secret)}/${history}${here}`)).body instanceof Array,
          true,
        );
        assertProblem(
          await send(http, "PUT", `${one(secret)}?namespace=production&namespace=staging`, {
            json: { value: "x" },
          }),
          400,
          "namespace must not come twice",
          "INVALID_INPUT",
        );
        assertProblem(
          await send(http, "GET", `${one(secret)}?namespace=%00`),
          400,
          "namespace must not hold a NUL",
          "INVALID_INPUT",
        );
        assertEquals((await send(http, "DELETE", one(secret) + here)).status, 200);
        assertEquals((await send(http, "GET", one(secret))).status, 200);
      });
    }
  },
);

test(
  "create and update answer with the documented message in the documented order",
  async (world, _kind, t) => {
    const http = await openApp(world);
    await send(http, "POST", PLAIN, { json: { name: "TAKEN", value: "value-1" } });
    const bad = "INVALID_INPUT";
    const long = "x".repeat(64 * 1_024 + 1);
    const creates: [json: unknown, status: number, error: RegExp, code: string][] = [
      [{}, 400, /^Name is required$/, bad],
      [{ name: "", value: "" }, 400, /^Name is required$/, bad],
      [{ name: "A" }, 400, /^Value is required$/, bad],
      [{ name: "A", value: "" }, 400, /^Value is required$/, bad],
      [{ name: "A", value: null, scope: "x" }, 400, /^Value is required$/, bad],
      [{ name: "A", value: "x", scope: "x" }, 400, /^Scope must be 'global' or 'namespace'$/, bad],
      [
        { name: "A", value: "x", scope: "namespace" },
        400,
        /^Namespace is required when scope is 'namespace'$/,
        bad,
      ],
      [
        { name: "A", value: "x", scope: "namespace", namespace: "" },
        400,
        /^Namespace is required/,
        bad,
      ],
      [
        { name: "A", value: "x", scope: "global", namespace: "p" },
        400,
        /^Namespace must be empty/,
        bad,
      ],
      [{ name: "A", value: "x", namespace: "p/q" }, 400, /^Namespace must be 1 to 63/, bad],
      [{ name: "A-B", value: "x" }, 400, /^Name must be 1 to 128/, bad],
      [{ name: "1A", value: "x" }, 400, /^Name must be/, bad],
      [{ name: "A".repeat(129), value: "x" }, 400, /^Name must be/, bad],
      [{ name: "fluxbase_url", value: "x" }, 400, /reserved/, bad],
      [{ name: "A", value: "a\0b" }, 400, /NUL/, bad],
      [{ name: "A", value: long }, 400, /at most 65536 bytes/, bad],
      [{ name: "A", value: "é".repeat(32_769) }, 400, /at most 65536 bytes/, bad],
      [{ name: "A", value: "\ud800" }, 400, /well-formed/, bad],
      [{ name: "A", value: "x", description: "a\0b" }, 400, /NUL/, bad],
      [{ name: "A", value: "x", description: "x".repeat(1_025) }, 400, /at most 1024/, bad],
      [
        { name: 5, value: "x" },
        400,
        /^Invalid request body: name must be a string$/,
        "INVALID_REQUEST_BODY",
      ],
      [
        { name: "A", value: ["x"] },
        400,
        /^Invalid request body: value must be a string$/,
        "INVALID_REQUEST_BODY",
      ],
      [
        { name: "A", value: "x", expires_at: "2025-02-30T00:00:00Z" },
        400,
        /^Invalid request body: expires_at/,
        "INVALID_REQUEST_BODY",
      ],
      [
        { name: "A", value: "x", expires_at: "tomorrow" },
        400,
        /^Invalid request body: expires_at/,
        "INVALID_REQUEST_BODY",
      ],
      [
        { name: "taken", value: "x" },
        409,
        /^A secret with this name already exists in the specified scope$/,
        "CONFLICT",
      ],
      [[], 400, /^Invalid request body/, "INVALID_REQUEST_BODY"],
      [null, 400, /^Invalid request body/, "INVALID_REQUEST_BODY"],
    ];
    for (const [json, status, error, code] of creates) {
      await t.step(`POST ${JSON.stringify(json).slice(0, 60)}`, async () => {
        const answer = await send(http, "POST", PLAIN, { json });
        assertEquals([answer.status, fields(answer)["code"]], [status, code]);
        assertMatch(String(fields(answer)["error"]), error);
      });
    }
    const updates: [json: unknown, status: number, error: RegExp][] = [
      [{}, 400, /^At least one field \(value, description, or expires_at\) must be provided$/],
      [{ value: null, description: null }, 400, /^At least one field/],
      [{ value: "" }, 400, /^Value must not be empty$/],
      [{ unknown: 1 }, 400, /^At least one field/],
    ];
    for (const [json, status, error] of updates) {
      await t.step(`PUT ${JSON.stringify(json)}`, async () => {
        for (const path of [`${PLAIN}/by-name/TAKEN`, `${NAMED}/TAKEN`]) {
          const answer = await send(http, "PUT", path, { json });
          assertEquals(answer.status, status);
          assertMatch(String(fields(answer)["error"]), error);
        }
      });
    }
  },
);

/** Bodies that aren't JSON: upstream's own words, and beside them what is wrong. */
const NO_JSON: readonly (readonly [body: string | Uint8Array<ArrayBuffer>, details: RegExp])[] = [
  ["", /is empty/],
  [" \n", /is empty/],
  ['{"name": "A", "value": canary}', /is not valid JSON/],
  ['{"name": "A", "value": "canary"', /is not valid JSON/],
  [new Uint8Array([0x22, 0xff, 0x22]), /is not UTF-8/],
];

test("a body that is no JSON is refused in upstream's words, with what is wrong", async (world) => {
  const http = await openApp(world);
  const headers = { authorization: `Bearer ${http.key}`, "content-type": "application/json" };
  for (const [body, details] of NO_JSON) {
    const response = await http.app.request(PLAIN, { method: "POST", headers, body });
    const text = await response.text();
    const answer = JSON.parse(text);
    assertEquals([response.status, answer.error], [400, "Invalid request body"], text);
    assertEquals(answer.code, "INVALID_REQUEST_BODY");
    assertMatch(answer.details, details);
    assert(!text.includes("canary"));
  }
});

test("expires_at sets, moves, clears and may lie in the past", async (world) => {
  const http = await openApp(world);
  const path = `${PLAIN}/by-name/A`;
  await send(http, "POST", PLAIN, { json: { name: "A", value: "value-1" } });
  for (
    const [sent, want] of [
      ["2995-01-01T00:00:00Z", "2995-01-01T00:00:00.000Z"],
      ["1995-01-01T00:00:00.123456+02:00", "1994-12-31T22:00:00.123Z"],
      [null, undefined],
    ] as const
  ) {
    const answer = await send(http, "PUT", path, { json: { expires_at: sent } });
    assertEquals([answer.status, fields(answer)["expires_at"], fields(answer)["version"]], [
      200,
      want,
      1,
    ]);
    const [item] = (await send(http, "GET", PLAIN)).body as Fields[];
    assertEquals(item!["is_expired"], sent?.startsWith("1995") ?? false);
  }
});

test("the routes by id work like those by name", async (world) => {
  const http = await openApp(world);
  const { id } = fields(await send(http, "POST", PLAIN, { json: { name: "A", value: "value-1" } }));
  const path = `${PLAIN}/${id}`;
  assertEquals(fields(await send(http, "GET", path))["name"], "A");
  assertEquals(fields(await send(http, "PUT", path, { json: { value: "value-2" } }))["version"], 2);
  assertEquals(fields(await send(http, "POST", `${path}/rollback/1`, { json: {} }))["version"], 3);
  assertEquals(((await send(http, "GET", `${path}/versions`)).body as unknown[]).length, 3);
  assertEquals(
    (await send(http, "PUT", path, { json: { value: "x", namespace: "prod" } })).status,
    400,
  );
  assertEquals((await send(http, "PUT", path, { json: { value: "x", name: "B" } })).status, 400);
  assertEquals(
    (await send(http, "PUT", path, { json: { value: "same-place", name: "a", scope: "global" } }))
      .status,
    200,
  );
  const unknown = `${PLAIN}/00000000-0000-4000-8000-000000000000`;
  assertProblem(await send(http, "GET", unknown), 404, "Secret not found", "SECRET_NOT_FOUND");
  assertEquals((await send(http, "GET", `${unknown}/versions`)).body, []);
  for (
    const [method, suffix] of [["GET", ""], ["PUT", ""], ["DELETE", ""], ["GET", "/versions"], [
      "POST",
      "/rollback/x",
    ]] as const
  ) {
    const answer = await send(http, method, `${PLAIN}/not-a-uuid${suffix}`, {
      ...(method === "PUT" && { json: {} }),
    });
    assertProblem(answer, 400, "Invalid secret ID", "INVALID_INPUT");
  }
  assertEquals((await send(http, "DELETE", path)).status, 200);
  assertEquals((await send(http, "GET", path)).status, 404);
});

test("rollback checks the version before the name, and takes numbers only", async (world) => {
  const http = await openApp(world);
  await send(http, "POST", PLAIN, { json: { name: "A", value: "value-1" } });
  for (const version of ["0", "-1", "2abc", "+2", "02", "2.5", "x", "99999999999", "4294967297"]) {
    for (const { rollback } of families) {
      assertProblem(
        await rollback(http, "NOBODY", version),
        400,
        "Invalid version number",
        "INVALID_INPUT",
      );
    }
  }
  for (const version of [null, 1.5, true, {}, [1], undefined]) {
    assertProblem(
      await families[0]!.rollback(http, "A", version),
      400,
      "Invalid version number",
      "INVALID_INPUT",
    );
  }
  for (const { rollback } of families) {
    assertProblem(await rollback(http, "NOBODY", 1), 404, "Secret not found", "SECRET_NOT_FOUND");
    assertProblem(await rollback(http, "A", 7), 404, "Version 7 not found", "VERSION_NOT_FOUND");
  }
});

test("lists filter by scope and namespace and page by cursor", async (world) => {
  const http = await openApp(world);
  for (
    const [name, namespace] of [["B", ""], ["A", ""], ["A", "prod"], ["A", "default"], [
      "C",
      "prod",
    ]]
  ) {
    await send(http, "POST", PLAIN, { json: { name, namespace, value: "value-1" } });
  }
  const names = async (query: string) => {
    const { body } = await send(http, "GET", PLAIN + query);
    return (body as Fields[]).map(({ namespace, name }) => `${namespace ?? ""}/${name}`);
  };
  const all = ["/A", "/B", "default/A", "prod/A", "prod/C"];
  assertEquals(await names(""), all);
  assertEquals(await names("/"), all);
  assertEquals(await names("?scope=&namespace="), all);
  assertEquals(await names("?scope=all"), all);
  assertEquals(await names("?scope=global"), ["/A", "/B"]);
  assertEquals(await names("?scope=namespace"), ["default/A", "prod/A", "prod/C"]);
  assertEquals(await names("?namespace=prod"), ["prod/A", "prod/C"]);
  assertEquals(await names("?namespace=default"), ["default/A"]);
  assertEquals(await names("?scope=unknown"), []);
  const seen: string[] = [];
  let path: string | undefined = `${PLAIN}?limit=2`;
  while (path !== undefined) {
    const page: Answer = await send(http, "GET", path);
    seen.push(
      ...(page.body as Fields[]).map(({ namespace, name }) => `${namespace ?? ""}/${name}`),
    );
    const link = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link") ?? "");
    assertEquals(link === null, page.headers.get("x-next-cursor") === null);
    path = link?.[1];
  }
  assertEquals(seen, all);
  for (
    const query of [
      "?limit=0",
      "?limit=1001",
      "?limit=x",
      "?limit=-1",
      "?cursor=x",
      "?cursor=W10",
      "?namespace=a/b",
    ]
  ) {
    assertEquals((await send(http, "GET", PLAIN + query)).status, 400, query);
  }
  assertEquals((await send(http, "GET", `${PLAIN}/stats`)).body, {
    total: 5,
    expiring_soon: 0,
    expired: 0,
  });
});

test("If-Match guards every write", async (world) => {
  const http = await openApp(world);
  const path = `${NAMED}/A`;
  await send(http, "POST", NAMED, { json: { name: "A", value: "value-1" } });
  for (const tag of ['"2"', 'W/"1"', '"x"', "", '"1x"']) {
    for (
      const [method, suffix, json] of [
        ["PUT", "", { value: "value-2" }],
        ["DELETE", "", undefined],
        ["POST", "/rollback", { version: 1 }],
      ] as const
    ) {
      const answer = await send(http, method, path + suffix, {
        headers: { "if-match": tag },
        ...(json && { json }),
      });
      assertEquals([answer.status, fields(answer)["code"]], [412, "PRECONDITION_FAILED"], tag);
    }
  }
  for (const [tag, version] of [['"1"', 2], ['"9", "2"', 3], ["*", 4], ["4", 5]] as const) {
    const answer = await send(http, "PUT", path, {
      json: { value: "value-n" },
      headers: { "if-match": tag },
    });
    assertEquals([answer.status, fields(answer)["version"]], [200, version]);
  }
});

test("a repeated Idempotency-Key is answered and not done again", async (world) => {
  const http = await openApp(world);
  const headers = { "idempotency-key": "k-1" };
  const json = { name: "A", value: "12345" };
  const first = await send(http, "POST", PLAIN, { json, headers });
  const second = await send(http, "POST", PLAIN, { json, headers });
  assertEquals([second.status, second.text], [first.status, first.text]);
  assertEquals([first, second].map((answer) => answer.headers.get("idempotency-replayed")), [
    null,
    "true",
  ]);
  const other = await send(http, "POST", PLAIN, { json: { ...json, value: "54321" }, headers });
  assertEquals([other.status, fields(other)["code"]], [422, "IDEMPOTENCY_KEY_REUSED"]);
  for (const key of ["", " ", "é", "x".repeat(256)]) {
    const answer = await send(http, "POST", PLAIN, { json, headers: { "idempotency-key": key } })
      .catch(() => null);
    assert(answer === null || answer.status === 400, key);
  }
});

test("a value too short to be masked comes with a warning, others without the field", async (world) => {
  const http = await openApp(world);
  const short = await send(http, "POST", PLAIN, { json: { name: "A", value: "12345" } });
  assertEquals((fields(short)["warnings"] as unknown[]).length, 1);
  const long = await send(http, "PUT", `${PLAIN}/by-name/A`, { json: { value: "123456" } });
  assertEquals("warnings" in fields(long), false);
});

test("every path answers for every method", async (world) => {
  const http = await openApp(world);
  await send(http, "POST", PLAIN, { json: { name: "A", value: "value-1" } });
  for (
    const [path, allow] of [
      [PLAIN, "GET, POST, HEAD, OPTIONS"],
      [`${PLAIN}/stats`, "GET, HEAD, OPTIONS"],
      [`${PLAIN}/by-name/A`, "GET, PUT, DELETE, HEAD, OPTIONS"],
      [`${PLAIN}/by-name/A/rollback/1`, "POST, OPTIONS"],
      [`${NAMED}/A/history`, "GET, HEAD, OPTIONS"],
      [`${NAMED}/A/rollback`, "POST, OPTIONS"],
      ["/healthz", "GET, HEAD, OPTIONS"],
    ] as const
  ) {
    const patch = await send(http, "PATCH", path);
    assertEquals(
      [patch.status, patch.headers.get("allow"), fields(patch)["code"]],
      [405, allow, "METHOD_NOT_ALLOWED"] as never,
    );
    const options = await send(http, "OPTIONS", path);
    assertEquals(
      [options.status, options.headers.get("allow"), options.text],
      [204, allow, ""] as never,
    );
    const head = await send(http, "HEAD", path);
    assertEquals([head.status, head.text], [allow.includes("GET") ? 200 : 405, ""]);
  }
  assertProblem(await send(http, "GET", "/api/v1/nothing"), 404, "Not found", "NOT_FOUND");
  assertEquals((await send(http, "GET", `${NAMED}/A/`)).status, 200);
  assertEquals((await send(http, "GET", `${PLAIN}/by-name/%41`)).status, 200);
});
