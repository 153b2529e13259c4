/**
 * Requests that are wrong in every place where a value can stand, each with the same text in it.
 *
 * @module
 */
import type { Ask, ServerProcess, Told } from "../support/server.ts";

/** A request to be refused. */
export type BadRequest = readonly [method: string, path: string, options?: Ask];

const NAMED = "/api/v1/admin/secrets";
const PLAIN = "/api/v1/secrets";
const JSON_TYPE = { "content-type": "application/json" };

/** All of them with `text`, which is made of lower-case letters. */
export function badRequests(text: string): BadRequest[] {
  return [...bodies(text), ...places(text), ...headers(text), ...functions(text)];
}

function bodies(text: string): BadRequest[] {
  const raw = [
    `{"name":"A","value":"${text}`,
    `{"name":"A","value":'${text}'}`,
    `{${text}}`,
    text,
    `"${text}"`,
    `["${text}"]`,
    `{"name":"A","value":"${text}\\u0000"}`,
    `{"name":"A","value":"\\ud800${text}"}`,
    `${"[".repeat(40)}"${text}"${"]".repeat(40)}`,
    JSON.stringify({ name: "A", value: text.repeat(40_000) }),
  ];
  const values: Readonly<Record<string, unknown>>[] = [
    { name: `-${text}`, value: text },
    { name: `FLUXBASE_${text}`, value: text },
    { name: text.repeat(9), value: text },
    { name: { [text]: 1 }, value: text },
    { name: "A", value: { [text]: text } },
    { name: "A", value: [text] },
    { name: "A", value: text.repeat(2_000) },
    { name: "A", value: text, scope: text },
    { name: "A", value: text, scope: "namespace" },
    { name: "A", value: text, namespace: `-${text}` },
    { name: "A", value: text, expires_at: text },
    { name: "A", value: text, description: [text] },
    { name: "A", value: text, description: text.repeat(2_000) },
  ];
  return [
    ...raw.map((body): BadRequest => ["POST", NAMED, { body, headers: JSON_TYPE }]),
    ...raw.map((
      body,
    ): BadRequest => ["POST", `${NAMED}/KNOWN/rollback`, { body, headers: JSON_TYPE }]),
    ...values.map((json): BadRequest => ["POST", PLAIN, { json }]),
    ["POST", NAMED, { json: { name: "KNOWN", value: text } }],
    ["PUT", `${NAMED}/UNKNOWN`, { json: { value: text } }],
    ["PUT", `${NAMED}/KNOWN?namespace=a`, { json: { value: text, namespace: "b" } }],
    ["POST", `${NAMED}/KNOWN/rollback`, { json: { version: text } }],
    ["POST", NAMED, { body: text, headers: { "content-type": "text/plain" } }],
    ["POST", NAMED, { body: text, headers: { "content-type": `application/${text}` } }],
  ];
}

function places(text: string): BadRequest[] {
  const queries = ["namespace=-", "cursor=", "limit=", "namespace=a&namespace="];
  return [
    ...["", "/history", "/rollback"].map((end): BadRequest => ["GET", `${NAMED}/${text}${end}`]),
    ...["", "/versions"].map((end): BadRequest => ["GET", `${PLAIN}/${text}${end}`]),
    ...queries.map((query): BadRequest => ["GET", `${NAMED}?${query}${text}`]),
    ["GET", `${NAMED}/KNOWN?namespace=${text}`],
    ["GET", `${NAMED}/%22${text}%00`],
    ["POST", `${PLAIN}/by-name/KNOWN/rollback/${text}`],
    ["DELETE", `${NAMED}/${text}`],
    ["GET", `/${text}`],
    ["GET", `/api/v1/${text}?token=${text}`],
    [text.toUpperCase(), NAMED],
    ["GET", `/healthz/${text}`],
    ["GET", `/api/v1/admin/logs/executions/${text}`],
    ["GET", `/api/v1/admin/logs/executions/${crypto.randomUUID()}?after_line=${text}`],
  ];
}

function headers(text: string): BadRequest[] {
  const names = ["x-request-id", "user-agent", "cookie", "referer", "origin", "traceparent"];
  const json = { value: "a new value" };
  const put = (headers: Ask["headers"] & object): BadRequest => [
    "PUT",
    `${NAMED}/KNOWN`,
    { json, headers },
  ];
  return [
    put({ "if-match": text }),
    put({ "if-match": `"${text}"` }),
    put({ "idempotency-key": `${text} ${text}` }),
    put({ "idempotency-key": text.repeat(9) }),
    ["PUT", `${NAMED}/KNOWN`, { json: { value: 5 }, headers: { "idempotency-key": text } }],
    ...names.map((name): BadRequest => ["GET", `${NAMED}/UNKNOWN`, { headers: { [name]: text } }]),
    ["GET", NAMED, { key: text }],
    ["GET", NAMED, { key: `fxsk_${text}` }],
    ["GET", NAMED, { key: null, headers: { "x-service-key": text } }],
    ["GET", NAMED, { key: null, headers: { authorization: `Basic ${btoa(text)}` } }],
    ["GET", NAMED, { key: null, headers: { authorization: text } }],
  ];
}

function functions(text: string): BadRequest[] {
  const base = "/api/v1/functions";
  return [
    ["POST", `${base}/${text}/invoke`, { body: text }],
    ["POST", `${base}/-${text}/invoke`],
    ["POST", `${base}/spill/invoke?namespace=${text}`, { body: text }],
    ["POST", `${base}/spill/invoke?namespace=-${text}`],
    ["GET", `${base}/-${text}/executions`],
    ["GET", `${base}/spill/executions?limit=${text}`],
    ["GET", `${base}/spill/${text}`],
    ["POST", `${base}/spill/invoke`, { key: text, body: text }],
    ["GET", `${base}/spill/invoke`, { headers: { upgrade: "websocket", cookie: text } }],
  ];
}

/** Sends bytes that are no HTTP request, and returns what the server says to that. */
export async function sendRaw(server: ServerProcess, text: string): Promise<Told> {
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  await connection.closeWrite();
  const answer = await new Response(connection.readable).text();
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 400);
  return { status, headers: new Headers(), text: answer };
}
