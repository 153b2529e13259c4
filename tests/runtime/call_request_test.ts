/** Requests that are made of the one before are as good as new ones. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Head, RequestMaker } from "../../lib/runtime/guest/call_request.mjs";

const URL_OF_ALL = "http://localhost/api/v1/functions/f/invoke?a=1";

function get(headers: [string, string][] = [["x-name", "one"]]): Head {
  return ["GET", URL_OF_ALL, headers, false];
}

function post(headers: [string, string][] = [["content-type", "application/json"]]): Head {
  return ["POST", URL_OF_ALL, headers, false];
}

/** For requests whose signal nobody asks for. */
function noSignal(): AbortSignal {
  throw new Error("Nobody asked for the signal");
}

/** How many requests in a row are enough for a model to be made anew, twice. */
const MANY = 300;

Deno.test("RequestMaker.make() gives each request of one head the whole head", () => {
  const requests = new RequestMaker();
  const head = get([["x-name", "one"], ["x-name", "two"], ["accept", "text/plain"]]);
  for (let i = 0; i < MANY; i++) {
    const request = requests.make(head, null, noSignal);
    assert(request instanceof Request);
    assertEquals([request.method, request.url, request.body], ["GET", URL_OF_ALL, null]);
    assertEquals([...request.headers], [["accept", "text/plain"], ["x-name", "one, two"]]);
  }
});

Deno.test("RequestMaker.make() gives each request its own body", async () => {
  const requests = new RequestMaker();
  const head = post();
  for (let i = 0; i < MANY; i++) {
    const text = JSON.stringify({ i });
    const body = i % 5 === 0
      ? null
      : i % 2 === 0
      ? new TextEncoder().encode(text)
      : ReadableStream.from([new TextEncoder().encode(text)]);
    const request = requests.make(head, body, noSignal);
    assertEquals([request.method, request.bodyUsed], ["POST", false]);
    assertEquals([...request.headers], [["content-type", "application/json"]]);
    assertEquals(await request.text(), body === null ? "" : text);
  }
});

Deno.test("RequestMaker.make() shows no request what was changed in another", () => {
  const requests = new RequestMaker();
  const head = get();
  const made: Request[] = [];
  for (let i = 0; i < MANY; i++) {
    const request = requests.make(head, null, noSignal);
    assertEquals([...request.headers], [["x-name", "one"]]);
    for (const each of made) assertEquals(each.headers.get("x-name"), null);
    request.headers.delete("x-name");
    request.headers.set("x-added", String(i));
    if (made.length < 5) made.push(request);
  }
  assertEquals(made.map(({ headers }) => headers.get("x-added")), ["0", "1", "2", "3", "4"]);
  assertEquals(head, get());
});

Deno.test("RequestMaker.make() makes another request for another head, and for the first again", () => {
  const requests = new RequestMaker();
  const heads: Head[] = [
    get([["x-name", "one"]]),
    get([["x-name", "two"]]),
    get([]),
    ["GET", "http://localhost/other", [["x-name", "one"]], false],
    ["DELETE", URL_OF_ALL, [["x-name", "one"]], false],
  ];
  // Once, twice and more often than a model is used.
  for (const times of [1, 2, 3, MANY, 1]) {
    for (const head of heads) {
      for (let i = 0; i < times; i++) {
        const { method, url, headers } = requests.make(head, null, noSignal);
        assertEquals([method, url, [...headers]], [head[0], head[1], head[2]]);
      }
    }
  }
});

Deno.test("a request's signal is the one of its call, and made when somebody asks", () => {
  const requests = new RequestMaker();
  const head = get();
  const controllers: AbortController[] = [];
  const made = Array.from({ length: 4 }, (_, i) => {
    let controller: AbortController | undefined;
    const signal = () => {
      if (controller === undefined) controllers.push(controller = new AbortController());
      return controller.signal;
    };
    const request = requests.make(head, null, signal);
    assertEquals(controllers.length, 0, `request ${i}`);
    return { request, signal };
  });
  for (const { request, signal } of made) {
    const asked = request.signal;
    assertStrictEquals(asked, signal());
    assertStrictEquals(request.signal, asked);
  }
  assertEquals(controllers.length, 4);
  controllers[2]!.abort();
  assertEquals(made.map(({ request }) => request.signal.aborted), [false, false, true, false]);
});

Deno.test("a clone of a request has the same signal, head and body", async () => {
  const requests = new RequestMaker();
  const head = post([["x-name", "one"]]);
  for (let i = 0; i < 4; i++) {
    let asked = 0;
    const controller = new AbortController();
    const signal = () => (asked++, controller.signal);
    const request = requests.make(head, new TextEncoder().encode(`body ${i}`), signal);
    const clone = request.clone();
    const second = clone.clone();
    assertEquals(asked, 0);
    for (const each of [clone, second, request]) {
      assertStrictEquals(each.signal, controller.signal);
      assertEquals([each.method, each.url], ["POST", URL_OF_ALL]);
      assertEquals([...each.headers], [["x-name", "one"]]);
      assertEquals(await each.text(), `body ${i}`);
    }
    assertThrows(() => request.clone(), TypeError);
  }
});
