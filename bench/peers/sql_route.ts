/**
 * The bare SQL of a set and of a metadata read in a Hono route: no key, no checks, nothing sealed.
 *
 * The statements are those that the product's set and read end in, so both leave the same behind.
 * Run with `embedded <directory>` or `postgres <url>` and a number of names; it prints where it
 * listens.
 *
 * @module
 */
import { Hono } from "hono";
import { openEmbedded } from "../../lib/store/embedded.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { openPostgres } from "../../lib/store/postgres.ts";

const [kind, place, count] = Deno.args;
const database = await (kind === "embedded" ? openEmbedded(place!) : openPostgres(place!));
const { sql } = database;
const MAC = new Uint8Array(40);

const SET = `with secret as (
    update functions.secrets set version = version + 1, updated_at = $2::timestamptz
    where namespace is null and name = $1::text and deleted_at is null
    returning id, namespace, version),
  head as (insert into functions.heads (namespace, revision) select namespace, 1 from secret
    on conflict (namespace) do update set revision = functions.heads.revision + 1),
  history as (insert into functions.secret_versions
      (id, secret_id, version, envelope, created_at, created_by, mac)
    select $3::uuid, id, version, $4::bytea, $2::timestamptz, null, $5::bytea from secret)
  select version, pg_notify('bench', '') is null as told from secret`;

await migrate(database, new URL("../../migrations/", import.meta.url));
for (let i = 0; i < Number(count); i++) {
  const now = new Date();
  await sql`insert into functions.secrets
    (id, scope, namespace, name, version, created_at, updated_at, mac) values
    (${crypto.randomUUID()}::uuid, 'global', null, ${`BENCH_${i}`}::text, 0 + 1,
     ${now}::timestamptz, ${now}::timestamptz, ${MAC}::bytea)`;
}

const app = new Hono();
app.get("/:name", async (c) => {
  const [row] = await sql`select id, scope, namespace, name, description, version, expires_at,
      created_at, updated_at, created_by, updated_by from functions.secrets
    where namespace is null and name = ${c.req.param("name")}::text and deleted_at is null`;
  return row === undefined ? c.notFound() : c.json(row);
});
app.put("/:name", async (c) => {
  const { value } = await c.req.json<{ value: string }>();
  const envelope = new TextEncoder().encode(value);
  const [row] = await sql.query(SET, [
    c.req.param("name"),
    new Date(),
    crypto.randomUUID(),
    envelope,
    MAC,
  ]);
  return row === undefined ? c.notFound() : c.json(row);
});

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`listening ${port}.`),
}, app.fetch);
